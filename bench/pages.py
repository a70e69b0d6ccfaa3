"""The portal's pages at a million tags: how long the server takes for each, the slowest against a tenth of a second."""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import median
from urllib.parse import urlencode

from bench import crowd, lists
from bench.figures import Figure
from bench.product import PROJECT, USER, Product, ProductError
from bench.seed import MANY
from bench.world import World

LIMIT = 100.0  # milliseconds
ASKED = 9  # times; the median counts
WARM = 4  # times before, so that every process of the web has its statements prepared
KEEPER = "keeper"  # an administrator of the project; USER is one of the system
_TEAM = f"/projects/{PROJECT}"
_MANY = f"{_TEAM}/repositories/{MANY.partition('/')[2]}"
_SHOWN = f"{_TEAM}/repositories/{crowd.SHOWN.partition('/')[2]}"
_INDEX = f"{_SHOWN}/-/artifacts/sha256:{'a' * 64}"
_END = "2000-01-01T00:00:00+00:00"


def _key(*columns: tuple[str, str]) -> str:
    """The key of a page, as `db.keyset` writes it."""
    return base64.urlsafe_b64encode(json.dumps([list(column) for column in columns]).encode()).decode().rstrip("=")


def _with(path: str, **asked: str) -> str:
    return f"{path}?{urlencode(asked)}"


_FIRST_PUSHED = _key(("pushed_at", _END), ("id", "0"))
_LAST_NAME = _key(("name", "zzzz"))
_RULE = {
    "repository_decoration": "repoMatches",
    "repository_pattern": "**",
    "tag_decoration": "matches",
    "tag_pattern": "t05*",
}
# `{...}` are ids and digests, looked up in the stack's database.
EVERYBODY = (
    "/",
    "/search",
    _with("/search", q="r0500000"),
    _with("/search", q="r05"),
    _with("/search", q="be"),
    _with("/search", q="nothing-like-it"),
    "/projects",
    _with("/projects", q="0500"),
    _with("/projects", q="p"),
    _with("/projects", sort="-created"),
    _with("/projects", show="mine"),
    _with("/projects", show="public"),
    _with("/projects", show="starred"),
    _with("/projects", before=_LAST_NAME),
    _with("/projects", after=_key(("name", "p0500000"))),
    "/new-project",
    "/account",
    "/account/password",
    "/account/tokens/new",
)
PROJECTS = (
    _TEAM,
    _with(_TEAM, q="r05"),
    _with(_TEAM, q="nothing-like-it"),
    _with(_TEAM, sort="-name"),
    _with(_TEAM, after=_key(("name", f"{PROJECT}/r0500000"))),
    _with(_TEAM, before=_key(("name", f"{PROJECT}/zzzz"))),
    f"{_TEAM}/delete",
    _MANY,
    _with(_MANY, sort="pushed"),
    _with(_MANY, q="t0500"),
    _with(_MANY, q="t"),
    _with(_MANY, q="nothing-like-it"),
    _with(_MANY, label="{label}"),
    _with(_MANY, label="{unused}"),
    _with(_MANY, before=_FIRST_PUSHED),
    f"{_MANY}/-/describe",
    f"{_MANY}/-/delete",
    f"{_MANY}/-/tags/t0500000/delete",
    f"{_MANY}/-/artifacts/{{digest}}",
    _SHOWN,
    _with(_SHOWN, q="v1999"),
    _INDEX,
    f"{_INDEX}/delete",
    f"{_INDEX}/tags",
    f"{_INDEX}/labels",
    f"{_INDEX}/copy",
    f"{_INDEX}/move",
    f"{_TEAM}/members",
    _with(_TEAM + "/members", q="u0000"),
    _with(_TEAM + "/members", before=_key(("id", str(2**62)))),
    f"{_TEAM}/members/new",
    f"{_TEAM}/members/{{member}}/remove",
    f"{_TEAM}/robots",
    _with(_TEAM + "/robots", q="99"),
    f"{_TEAM}/robots/new",
    f"{_TEAM}/robots/{{robot}}/secret",
    f"{_TEAM}/robots/{{robot}}/delete",
    f"{_TEAM}/labels",
    _with(_TEAM + "/labels", q="99"),
    f"{_TEAM}/labels/new",
    f"{_TEAM}/labels/{{unused}}",
    f"{_TEAM}/labels/{{unused}}/delete",
    f"{_TEAM}/rules",
    f"{_TEAM}/rules/new",
    _with(f"{_TEAM}/rules/preview", **_RULE),
    f"{_TEAM}/rules/{{rule}}",
    f"{_TEAM}/rules/{{rule}}/delete",
    f"{_TEAM}/logs",
    _with(_TEAM + "/logs", actor="u1", result="failure"),
    f"{_TEAM}/settings",
)
_AUDITED = "/administration/trail"
ADMINISTRATION = (
    "/administration/robots",
    "/administration/robots/new",
    "/administration/robots/{system_robot}/secret",
    "/administration/robots/{system_robot}/delete",
    "/administration/labels",
    "/administration/labels/new",
    "/administration/labels/{label}",
    "/administration/labels/{label}/delete",
    "/administration/users",
    _with("/administration/users", q="u00999"),
    _with("/administration/users", sort="-created"),
    _with("/administration/users", before=_key(("username", "zzzz"))),
    "/administration/users/new",
    "/administration/users/{user}",
    "/administration/users/{user}/password",
    "/administration/users/{user}/delete",
    "/administration/groups",
    _with("/administration/groups", q="999"),
    "/administration/groups/new",
    "/administration/groups/{group}",
    "/administration/groups/{group}/rename",
    "/administration/groups/{group}/delete",
    "/administration/quotas",
    _with("/administration/quotas", sort="hard"),
    _with("/administration/quotas", before=_key(("used", "0"), ("id", "0"))),
    "/administration/quotas/{quota}",
    "/administration/configuration",
    "/administration/configuration/ldap",
    "/administration/configuration/oidc",
    "/administration/system",
    "/administration/system/states",
    _AUDITED,
    _with(_AUDITED, actor="u7"),
    _with(_AUDITED, kind="pull artifact", project="p7"),
    _with(_AUDITED, resource="p7/app:v7", project="p7"),
    _with(_AUDITED, result="failure", actor="u7"),
    _with(_AUDITED, since="{day}", until="{day}"),
    _with(_AUDITED, before="{cursor}"),
    "/administration/registries",
    _with("/administration/registries", q="9"),
    "/administration/registries/new",
    "/administration/registries/{endpoint}",
    "/administration/registries/{endpoint}/delete",
    "/administration/replication",
    _with("/administration/replication", q="99"),
    "/administration/replication/new",
    "/administration/replication/flows",
    "/administration/replication/queues",
    "/administration/replication/going",
    "/administration/replication/{policy}",
    "/administration/replication/{policy}/edit",
    "/administration/replication/{policy}/delete",
    "/administration/replication/executions",
    _with("/administration/replication/executions", before=_key(("started_at", _END), ("id", "0"))),
    "/administration/replication/executions/{execution}",
    _with("/administration/replication/executions/{execution}", state="Pending"),
    _with("/administration/replication/executions/{execution}", before=_key(("id", str(2**62)))),
    "/administration/replication/executions/{execution}/tasks/{task}",
    "/administration/replication/executions/{execution}/tasks/{task}/lines",
)
PAGES = {KEEPER: (*EVERYBODY, *PROJECTS), USER: (*EVERYBODY, *PROJECTS, *ADMINISTRATION)}
_FACTS = {
    "label": "SELECT min(id) FROM projects_label WHERE name = 'bench'",
    "unused": "SELECT max(id) FROM projects_label WHERE project_id IS NOT NULL",
    "member": "SELECT max(m.id) FROM projects_member m JOIN rbac_user u ON u.id = m.user_id WHERE u.username LIKE 'u%'",
    "robot": "SELECT max(id) FROM projects_robot WHERE project_id IS NOT NULL",
    "system_robot": "SELECT max(id) FROM projects_robot WHERE project_id IS NULL",
    "rule": "SELECT max(id) FROM projects_immutablerule",
    "user": "SELECT max(id) FROM rbac_user WHERE username LIKE 'u%'",
    "group": "SELECT max(id) FROM rbac_group",
    "quota": "SELECT max(id) FROM projects_quota",
    "endpoint": "SELECT max(id) FROM replication_endpoint",
    "policy": "SELECT p.policy_id FROM replication_execution p WHERE ended_at IS NULL",
    "execution": "SELECT id FROM replication_execution WHERE ended_at IS NULL",
    "task": "SELECT min(id) FROM replication_task",
    "day": "SELECT to_char(now() - interval '3 days', 'YYYY-MM-DD')",
    "cursor": "SELECT (extract(epoch FROM now() - interval '5 days') * 1000000)::bigint || '-1'",
    "digest": "SELECT m.digest FROM artifacts_tag t JOIN artifacts_manifest m ON m.id = t.manifest_id"
    " WHERE t.name = 't0500000'",
}


def figures(world: World) -> list[Figure]:
    """The stack of lists with a million rows, and with a crowd in it; each page is asked for by one who sees it."""
    with _stack(world) as product:
        product.settle()
        facts = _facts(product)
        taken = {
            (who, path): _milliseconds(product, session, path, facts)
            for who in PAGES
            for session in [_sign_in(product, who)]
            for path in PAGES[who]
        }
    slowest = max(taken, key=lambda each: taken[each])
    _inform(taken)
    name = f"pages at a million tags: the slowest of {len(taken)}, of {LIMIT:.0f} ms"
    ours = f"{taken[slowest]:.0f} ms ({slowest[1]})"
    return [Figure(name, taken[slowest] / LIMIT, 1.0, "lower", ours, f"{LIMIT:.0f} ms")]


@contextmanager
def _stack(world: World) -> Iterator[Product]:
    world.stop()
    with lists.filled(world, "large", lists.LARGE) as product:
        product.make_user(KEEPER)
        product.manage("addmember", PROJECT, "projectAdmin", "--user", KEEPER)
        crowd.gather(product)
        yield product


def _facts(product: Product) -> dict[str, str]:
    with product.database() as connection:
        found = {name: connection.execute(sql.encode()).fetchone() for name, sql in _FACTS.items()}
    return {name: str(row[0]) for name, row in found.items() if row}


def _sign_in(product: Product, who: str) -> str:
    """The cookie of a session that has begun by the page's own form."""
    form = urlencode({"principal": who, "password": product.password})
    connection = HTTPConnection("127.0.0.1", product.port, timeout=60)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html", "Origin": product.url}
    connection.request("POST", "/c/login", form, headers)
    answer = connection.getresponse()
    connection.close()
    cookie = next((text for text in answer.headers.get_all("Set-Cookie") or [] if text.startswith("sid=")), "")
    if answer.status != 302 or not cookie:
        raise ProductError(f"{who} can't sign in: {answer.status}")
    return cookie.partition(";")[0]


def _milliseconds(product: Product, session: str, path: str, facts: Mapping[str, str]) -> float:
    """The median time from a request to the last byte of its answer, on one connection over loopback."""
    for name, value in facts.items():
        path = path.replace(f"{{{name}}}", value).replace(f"%7B{name}%7D", value)
    headers = {"Cookie": session, "Accept": "text/html", "Accept-Encoding": "gzip"}
    connection, times = HTTPConnection("127.0.0.1", product.port, timeout=60), []
    for _ in range(WARM + ASKED):
        begun = time.monotonic()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        times.append(1000 * (time.monotonic() - begun))
        if answer.status != 200:
            raise ProductError(f"{path}: {answer.status} {body[:300]!r}")
    connection.close()
    return median(times[WARM:])


def _inform(taken: Mapping[tuple[str, str], float]) -> None:
    for (who, path), found in sorted(taken.items(), key=lambda each: -each[1]):
        print(f"  {found:7.1f} ms  {who:8} {path}")
