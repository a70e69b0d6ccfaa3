"""Registries, policies and executions in every state there is, and hostile words on all of them: for pages to show.

Written into the database as rows, since states as these pass within moments. Their hosts are nowhere (RFC 2606).
"""

from __future__ import annotations

import json

from tests.flows.stacks import Running
from tests.flows.world import ATTACK

_SEED = """
from datetime import timedelta
from django.utils import timezone
from replication.models import *
now = timezone.now()
later = now + timedelta(days=1)

def endpoint(name, kind, url, **more):
    return Endpoint.objects.create(name=name, kind=kind, url=url, checked_at=now - timedelta(seconds=40), **more)

tokyo = endpoint("tokyo", "harbor", "https://registry.tokyo.example.com", healthy=True, access_key="robot$mirror")
osaka = endpoint("osaka-dr", "harbor", "https://registry.osaka.example.com", healthy=True)
upstream = endpoint("upstream", "quay", "https://quay.example.com", healthy=True)
abroad = endpoint("singapore", "jfrog-artifactory", "https://artifactory.sg.example.com", healthy=False,
    problem="the registry is unhealthy: artifactory.sg.example.com refuses the credential (401)")
edge = endpoint("edge-factory", "docker-registry", "http://factory.example.com:5000")

def policy(name, **more):
    return Policy.objects.create(name=name, **more)

def run(policy, state, ago, **more):
    over = {} if state == "InProgress" else {"ended_at": now - timedelta(minutes=ago) + timedelta(seconds=95)}
    return Execution.objects.create(policy=policy, trigger=policy.trigger, state=state, planned=True,
        started_at=now - timedelta(minutes=ago), **over, **more)

releases = policy("releases-to-tokyo", destination=tokyo, trigger="event_based", override=True, deletion=True,
    description="Whatever is released, as soon as it is.", namespace="mirror", flatten=1,
    filters=[{"type": "name", "value": "web/**"}, {"type": "tag", "value": "v*", "decoration": "matches"}])
nightly = policy("nightly-to-osaka", destination=osaka, trigger="scheduled", cron="0 0 2 * * *", override=True,
    single_active=True, speed=20480)
base = policy("base-images", source=upstream, trigger="scheduled", cron="0 30 1 * * 1-5", namespace="base-images",
    filters=[{"type": "name", "value": "library/{debian,alpine,node}"}])
storefront = policy("singapore-storefront", destination=abroad, filters=[{"type": "name", "value": "web/storefront"}])
idle = policy("factory", destination=edge, by_chunk=True)
off = policy("old-tokyo-pull", source=tokyo, enabled=False)

run(releases, "Succeed", 12, total=3, succeeded=3, unchanged=41, bytes_total=812_000_000, bytes_done=812_000_000,
    bytes_sent=96_000_000, text="3 done, 41 unchanged")
run(base, "Stopped", 300, total=8, succeeded=5, stopped=3, bytes_total=900_000_000, bytes_done=500_000_000,
    text="5 done, 3 stopped")
failed = run(storefront, "Failed", 55, total=2, succeeded=1, failed=1, bytes_total=60_000_000, bytes_done=31_000_000,
    bytes_sent=31_000_000, text="1 done, 1 failed")
dry = run(nightly, "Succeed", 20, dry_run=True, total=2, unchanged=310, bytes_total=2_400_000_000,
    text="dry run: 2 to copy or delete, 310 unchanged")
live = run(nightly, "InProgress", 4, total=64, succeeded=21, failed=1, unchanged=310, bytes_total=9_400_000_000,
    bytes_done=3_100_000_000, bytes_sent=2_700_000_000, rate=19_500_000, measured_at=later)

def task(execution, name, state, number, **more):
    if state in ("Succeed", "Failed", "Stopped"):
        more["ended_at"] = now
    return Task.objects.create(execution=execution, source=name, destination=more.pop("to", name), state=state,
        reference="sha256:" + f"{number:064x}", started_at=now, not_before=later, **more)

for place, version in enumerate(("v2.4.0", "v2.4.1", "v2.5.0-rc1")):
    task(live, "web/storefront", "Succeed", place + 1, tags=[version], bytes_total=152_000_000, bytes_done=152_000_000)
working = task(live, "web/gateway", "InProgress", 10, tags=["v3.1.4", "stable"], bytes_total=1_230_000_000,
    bytes_done=640_000_000, bytes_sent=600_000_000, lease_until=later, worker="w", attempts=1)
task(live, "data-platform/notebooks/cuda", "InProgress", 11, tags=["2026.11"], bytes_total=4_000_000_000,
    bytes_done=900_000_000, bytes_sent=900_000_000, lease_until=later, worker="w", attempts=1)
task(live, "web/team/checkout-service", "Failed", 12, tags=["main"], bytes_total=90_000_000, attempts=3,
    text="destination osaka-dr: put the manifest: the project's quota is exceeded (DENIED): check what the endpoint's"
    " account may do there, and the room of the project")
for place in range(5):
    task(live, "mobile/android", "Pending", 20 + place, tags=[f"build-{place + 310}"], bytes_total=210_000_000)
task(dry, "web/gateway", "Pending", 30, tags=["v3.1.4", "stable"], bytes_total=1_230_000_000)
task(dry, "data-platform/notebooks/cuda", "Pending", 31, tags=["2026.11"], bytes_total=1_170_000_000)
one = task(failed, "web/storefront", "Failed", 40, tags=["v2.0.0"], bytes_total=29_000_000, attempts=3,
    to="web/storefront", text="destination singapore: begin an upload: the credential is refused (UNAUTHORIZED):"
    " check the endpoint's credential, and that it isn't expired")
task(failed, "web/storefront", "Succeed", 41, tags=["v1.9.0"], bytes_total=31_000_000, bytes_done=31_000_000)
for level, text in (("INFO", "attempt 1: web/storefront to singapore"), ("INFO", "7 blobs, 29.0 MB"),
        ("WARNING", "singapore answered 503: tried again in 2 s"), ("ERROR", one.text)):
    LogLine.objects.create(task=one, level=level, text=text)
print("SEEDED " + json.dumps({"live": live.pk, "failed": failed.pk, "dry": dry.pk, "task": one.pk,
    "working": working.pk,    "policy": releases.pk, "scheduled": nightly.pk, "registry": tokyo.pk}))
"""
_ATTACK = """
from django.utils import timezone
from replication.models import *
now = timezone.now()
bad = Endpoint.objects.create(name=ATTACK[:64], kind="docker-registry", url="https://hostile.example.com",
    healthy=False, problem=ATTACK, description=ATTACK, checked_at=now)
hostile = Policy.objects.create(name=ATTACK, destination=bad, description=ATTACK,
    filters=[{"type": "name", "value": "mobile/**"}])
over = {"state": "Failed", "text": ATTACK, "started_at": now, "ended_at": now}
evil = Execution.objects.create(policy=hostile, trigger="manual", planned=True, total=1, failed=1, **over)
task = Task.objects.create(execution=evil, source=ATTACK, destination=ATTACK, reference="sha256:" + "5" * 64,
    tags=[ATTACK], **over)
LogLine.objects.create(task=task, level="ERROR", text=ATTACK)
print("SEEDED " + json.dumps({"evil": evil.pk, "evil-task": task.pk, "hostile": hostile.pk,
    "hostile-registry": bad.pk}))
"""
_FORGET = """
from replication.models import *
for row in (LogLine, Task, Execution, Policy, Endpoint):
    row.objects.all().delete()
"""


def seed(stack: Running) -> dict[str, int]:
    """A company's sites. Ids, by what they are called here."""
    return _written(stack, _SEED)


def attack(stack: Running) -> dict[str, int]:
    """Whose every text is an attack on whoever looks at it."""
    return _written(stack, f"ATTACK = {ATTACK!r}\n{_ATTACK}")


def _written(stack: Running, script: str) -> dict[str, int]:
    said = stack.manage("shell", stdin=f"import json\n{script}")
    line = next(line for line in said.splitlines() if line.startswith("SEEDED "))
    return dict(json.loads(line.removeprefix("SEEDED ")))


def tell(stack: Running, task: int, *lines: str, over: bool = False) -> None:
    """Have a task tell of itself, and perhaps be done then."""
    end = f"Task.objects.filter(pk={task}).update(state='Succeed', ended_at=timezone.now())" if over else ""
    rows = f"LogLine.objects.bulk_create([LogLine(task_id={task}, text=text) for text in {lines!r}])"
    script = f"from django.utils import timezone\nfrom replication.models import *\n{rows}\n{end}\n"
    stack.manage("shell", stdin=script)


def forget(stack: Running) -> None:
    """All there is of replication, so that other stories find nothing of it."""
    stack.manage("shell", stdin=_FORGET)
