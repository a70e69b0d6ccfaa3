"""What the portal is shown with: a company's projects, people, images, charts, signatures and rules."""

from __future__ import annotations

import gzip
import json
from typing import Any

import requests

from tests.flows.conformance.pushes import push_content
from tests.flows.content import OCI_CONFIG, OCI_MANIFEST, Content, PushedManifest, layer_tar
from tests.flows.stacks import Running

PASSWORD = "Correct-Horse-9"
COSIGN = "application/vnd.dev.cosign.artifact.sig.v1+json"
SBOM = "application/vnd.goharbor.harbor.sbom.v1"
ATTACK = "<img src=x onerror=document.title='owned'>"
PEOPLE = {"grace": "projectAdmin", "mika": "maintainer", "dora": "developer", "gus": "guest", "lee": "limitedGuest"}
PROJECTS = {"web": False, "mobile": False, "data-platform": False, "base-images": True}


class World:
    """The stack, and Harbor's API to set it up by."""

    def __init__(self, stack: Running) -> None:
        self.stack = stack
        self.api = requests.Session()
        self.api.auth = ("admin", stack.admin_password)
        self.wire = stack.wire()

    def post(self, path: str, body: dict[str, Any]) -> None:
        answer = self.api.post(f"{self.stack.url}/api/v2.0/{path}", json=body, timeout=30)
        assert answer.status_code in {200, 201, 409}, answer.text

    def session(self, name: str) -> requests.Session:
        """Somebody at a browser without scripts."""
        made = requests.Session()
        form = {"principal": name, "password": PASSWORD}
        made.post(f"{self.stack.url}/c/login", data=form, headers={"Accept": "text/html"}, timeout=30)
        made.headers["Accept"] = "text/html"
        return made

    def build(self) -> World:
        self._people()
        for name, public in PROJECTS.items():
            self.post("projects", {"project_name": name, "metadata": {"public": str(public).lower()}})
            for person, role in PEOPLE.items():
                self.post(f"projects/{name}/members", {"role_id": ROLES[role], "member_user": {"username": person}})
        group = {"group_name": "release-managers", "group_type": 2}
        self.post("projects/web/members", {"role_id": ROLES["maintainer"], "member_group": group})
        self._labels()
        self._rules()
        self._images()
        return self

    def activity(self) -> None:
        """Two weeks in which things were pulled and pushed, as the task that counts them would have left it."""
        code = """
from datetime import UTC, datetime, timedelta
from django.utils import timezone
from artifacts.models import Figure
for ago in range(1, 14):
    day = (datetime.now(UTC).date() - timedelta(days=ago)).isoformat()
    for what, value in (("pulls", 420 + 37 * (ago * 7 % 11)), ("pushes", 30 + 11 * (ago * 5 % 9))):
        Figure.objects.update_or_create(name=f"{what} {day}", defaults={"value": value, "measured_at": timezone.now()})
"""
        self.stack.manage("shell", "-c", code)

    def _people(self) -> None:
        for name in (*PEOPLE, "sam"):
            body = {"username": name, "email": f"{name}@example.com", "realname": name.title(), "password": PASSWORD}
            self.post("users", body)
        attack = {"username": "<b>x</b>", "email": "x@example.com", "realname": ATTACK, "comment": ATTACK}
        self.post("users", {**attack, "password": PASSWORD})
        self.post("usergroups", {"group_name": "release-managers", "group_type": 2})
        self.post("usergroups", {"group_name": ATTACK, "group_type": 3})

    def _labels(self) -> None:
        self.post("labels", {"name": "approved", "color": "#2f9e44", "scope": "g", "description": "By security"})
        project = self.api.get(f"{self.stack.url}/api/v2.0/projects/web", timeout=30).json()["project_id"]
        self.post("labels", {"name": "canary", "color": "#e8590c", "scope": "p", "project_id": project})

    def _rules(self) -> None:
        def one(decoration: str, pattern: str) -> dict[str, str]:
            return {"kind": "doublestar", "decoration": decoration, "pattern": pattern}

        rule = {"action": "immutable", "template": "immutable_template", "tag_selectors": [one("matches", "v*")]}
        self.post(
            "projects/web/immutabletagrules", {**rule, "scope_selectors": {"repository": [one("repoMatches", "**")]}}
        )
        robot = {"name": "ci", "level": "project", "duration": 90, "description": "Builds and pushes"}
        access = [{"resource": "repository", "action": action} for action in ("pull", "push")]
        permissions = [{"kind": "project", "namespace": "web", "access": access}]
        self.post("robots", {**robot, "permissions": permissions})
        self.post("robots", {**robot, "name": "x", "description": ATTACK, "permissions": permissions})
        for name in ("grace", "admin"):
            self._token(name)
        requests.post(f"{self.stack.url}/c/login", data={"principal": ATTACK, "password": "x"}, timeout=30)
        self.api.put(f"{self.stack.url}/api/v2.0/configurations", json={"banner_message": ATTACK}, timeout=30)

    def _token(self, name: str) -> None:
        """A personal access token whose name is an attack."""
        password = self.stack.admin_password if name == "admin" else PASSWORD
        path = f"{self.stack.url}/api/v2.0/users/current/tokens"
        made = requests.post(path, json={"name": ATTACK}, auth=(name, password), timeout=30)
        assert made.status_code in {201, 409}, made.text

    def _images(self) -> None:
        for version in range(1, 6):
            self.image("web/storefront", f"v1.{version}.0", 40_000 * version)
        self._signed("web/storefront", "v2.0.0", 300_000)
        self.image("web/storefront", "latest", 420_000)
        self._many("web/gateway", "v3.1.4")
        self.image("web/team/checkout-service", "main", 90_000)
        self.image("base-images/debian", "12-slim", 500_000)
        self._chart("web/charts/storefront", "1.4.2", chart_archive())
        self._chart("mobile/hostile-chart", "1.0.0", chart_archive(ATTACK))
        self._hostile("mobile/hostile")

    def image(self, repository: str, tag: str, size: int) -> Content:
        content = Content()
        image(content, size)
        content.tag(tag)
        push_content(self.wire, repository, content)
        return content

    def _signed(self, repository: str, tag: str, size: int) -> None:
        content = self.image(repository, tag, size)
        for kind, layer in ((COSIGN, b'{"critical":{}}'), (SBOM, b'{"bomFormat":"CycloneDX"}')):
            more = Content()
            more.add_artifact(kind, layer=layer, subject=content.top.descriptor)
            push_content(self.wire, repository, more)

    def _many(self, repository: str, tag: str) -> None:
        content = Content()
        made = [image(content, 60_000 + 1000 * place, name) for place, name in enumerate(("amd64", "arm64"))]
        content.add_index(made)
        push_content(self.wire, repository, content.tag(tag))

    def _chart(self, repository: str, tag: str, archive: bytes) -> None:
        content = Content()
        config = json.dumps({"name": "storefront", "version": tag, "apiVersion": "v2"}).encode()
        layer = content.add_blob(archive, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
        document = {
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [layer],
            "config": content.add_blob(config, "application/vnd.cncf.helm.config.v1+json"),
        }  # fmt: skip
        content.add_manifest(document)
        push_content(self.wire, repository, content.tag(tag))

    def _hostile(self, repository: str) -> None:
        """An image whose every text is an attack on whoever looks at it."""
        content = Content()
        attack = {"org.example.title": ATTACK, ATTACK: ATTACK}
        image(content, 1000, ATTACK, command=ATTACK, labels=attack, annotations=attack)
        content.tag("latest")
        push_content(self.wire, repository, content)
        more = Content()
        more.add_artifact(
            "application/vnd.example+json", layer=b"x", subject=content.top.descriptor, annotations=attack
        )
        push_content(self.wire, repository, more)
        self.post("labels", {"name": ATTACK, "color": "#f00", "scope": "g", "description": ATTACK})
        path = f"projects/{repository.replace('/', '/repositories/')}"
        answer = self.api.put(f"{self.stack.url}/api/v2.0/{path}", json={"description": ATTACK}, timeout=30)
        assert answer.status_code == 200, answer.text


ROLES = {"projectAdmin": 1, "developer": 2, "guest": 3, "maintainer": 4, "limitedGuest": 5}


def image(
    content: Content,
    size: int,
    architecture: str = "amd64",
    *,
    command: str = "",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> PushedManifest:
    """An image as a build leaves it: with its history, its environment and labels."""
    made = [content.add_layer(size=size // 4), content.add_layer(size=size)]
    steps = [
        {"created_by": "/bin/sh -c #(nop) ADD file:4b1be1de1a1e5aa60 in / ", "created": "2026-10-01T08:00:00Z"},
        {"created_by": "ENV NODE_VERSION=22.11.0", "empty_layer": True},
        {"created_by": command or "RUN /bin/sh -c npm ci --omit=dev && npm run build # buildkit"},
        {"created_by": 'CMD ["node" "server.js"]', "empty_layer": True},
    ]
    config = {
        "created": "2026-10-01T08:00:00Z",
        "author": command or "Platform team",
        "architecture": architecture,
        "os": "linux",
        "config": {
            "Entrypoint": ["/usr/bin/tini", "--"], "Cmd": ["node", "server.js"], "User": "10001", "WorkingDir": "/app",
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "NODE_VERSION=22.11.0"], "ExposedPorts": {"8080/tcp": {}},
            "Labels": labels or {"org.opencontainers.image.source": "https://git.example.com/web/storefront"},
        },
        "history": steps,
        "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in made]},
    }  # fmt: skip
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": content.add_blob(json.dumps(config).encode(), OCI_CONFIG),
        "layers": [descriptor for descriptor, _ in made],
    }
    return content.add_manifest(document | ({"annotations": annotations} if annotations else {}))


def chart_archive(words: str = "The shop's front.") -> bytes:
    files = {
        "storefront/Chart.yaml": b"apiVersion: v2\nname: storefront\nversion: 1.4.2\n",
        "storefront/values.yaml": f"# {words}\nimage:\n  repository: web/storefront\n  tag: v2.0.0\n".encode(),
        "storefront/README.md": f"# Storefront\n\n{words}\n".encode(),
    }
    return gzip.compress(layer_tar(files), mtime=0)
