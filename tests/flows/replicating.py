"""Replication as an administrator drives it, by the REST API: endpoints, policies, executions; every answer is held to
the stack's own document."""

from __future__ import annotations

import json
from typing import Any

from tests.flows import havoc
from tests.flows.conformance import pushes
from tests.flows.content import Content
from tests.flows.harbor import number_in, unused
from tests.flows.programs import GoClient
from tests.flows.stacks import Running, eventually
from tests.flows.strict import Document
from tests.flows.wire import Wire

OVER = {"Succeed", "Failed", "Stopped"}
Row = dict[str, Any]


class Site:
    """One stack, and its administrator's calls."""

    def __init__(self, stack: Running) -> None:
        self.stack = stack
        self.wire = stack.wire()
        self.api = GoClient(stack, Document(stack.url), self.wire.basic())

    def made(self, path: str, body: Row) -> int:
        answer = self.api.exchange("POST", path, _json(body), Content_Type="application/json")
        self.api.expect(201, answer)
        return number_in(answer.headers["Location"])

    def endpoint(
        self, url: str, *, kind: str = "harbor", username: str = "", password: str = "", name: str = ""
    ) -> int:
        """A registry at `url`, whose health is asked for at once."""
        credential = {"type": "basic", "access_key": username, "access_secret": password}
        body: Row = {"name": name or unused("site"), "type": kind, "url": url, "insecure": True}
        return self.made("/registries", body | ({"credential": credential} if username else {}))

    def endpoint_of(self, other: Site, url: str = "") -> int:
        """Another stack as its administrator, by another URL perhaps."""
        return self.endpoint(url or other.stack.url, username="admin", password=other.stack.admin_password)

    def policy(
        self,
        name_filter: str,
        *,
        to: int | None = None,
        by: int | None = None,
        trigger: str = "manual",
        cron: str = "",
        tags: str = "",
        **fields: Any,
    ) -> int:
        """One that pushes `to` an endpoint, or pulls what an endpoint has (`by`)."""
        filters = [{"type": "name", "value": name_filter}]
        filters += [{"type": "tag", "value": tags, "decoration": "matches"}] if tags else []
        body: Row = {
            "name": unused("policy"),
            "src_registry": {"id": by} if by else None,
            "dest_registry": {"id": to} if to else None,
            "filters": filters,
            "trigger": {"type": trigger, "trigger_settings": {"cron": cron}},
            "override": True,
            "enabled": True,
            "dest_namespace_replace_count": 0,
        }
        return self.made("/replication/policies", body | fields)

    def start(self, policy: int) -> int:
        return self.made("/replication/executions", {"policy_id": policy})

    def execution(self, number: int) -> Row:
        found: Row = self.api.call("GET", f"/replication/executions/{number}")
        return found

    def executions(self, policy: int) -> list[Row]:
        found: list[Row] = self.api.call("GET", "/replication/executions", policy_id=policy, page_size=100)
        return found

    def stop(self, number: int) -> None:
        self.api.call("PUT", f"/replication/executions/{number}")

    def tasks(self, number: int) -> list[Row]:
        found: list[Row] = self.api.call("GET", f"/replication/executions/{number}/tasks", page_size=100)
        return found

    def log(self, number: int, task: int) -> str:
        path = f"/replication/executions/{number}/tasks/{task}/log"
        answer = self.api.exchange("GET", path, None)
        assert answer.status == 200, answer.what
        return answer.body.decode()

    def logs(self, number: int) -> str:
        return "\n".join(self.log(number, task["id"]) for task in self.tasks(number))

    def fails(self, number: int, *, seconds: float = 90) -> str:
        """All that a person is told of an execution that fails."""
        found = self.finished(number, seconds=seconds)
        assert found["status"] == "Failed", found
        return "\n".join([json.dumps(found), *map(json.dumps, self.tasks(number)), self.logs(number)])

    def finished(self, number: int, *, seconds: float = 60) -> Row:
        """The execution when it has come to its end by itself."""
        eventually(
            lambda: self.execution(number)["status"] in OVER, f"execution {number} goes on and on", seconds=seconds
        )
        return self.execution(number)

    def succeeds(self, number: int, *, seconds: float = 60) -> Row:
        found = self.finished(number, seconds=seconds)
        assert found["status"] == "Succeed", f"{found}\n{self.logs(number)}"
        return found

    def run(self, policy: int, *, seconds: float = 60) -> Row:
        """Carried out once, to a good end."""
        return self.succeeds(self.start(policy), seconds=seconds)

    def push(self, repository: str, content: Content) -> Content:
        body = _json({"project_name": repository.partition("/")[0]})
        answer = self.api.exchange("POST", "/projects", body, Content_Type="application/json")
        assert answer.status in {201, 409}, answer.what
        pushes.push_content(self.wire, repository, content)
        return content

    def holds(self, repository: str, content: Content) -> bool:
        """Whether every tag is there, on what it is to be on."""
        return all(digest_at(self.wire, repository, tag) == digest for tag, digest in content.tags.items())

    def comes_to_hold(self, repository: str, content: Content, *, seconds: float = 30) -> None:
        eventually(lambda: self.holds(repository, content), f"{repository} did not come", seconds=seconds)


def _json(body: Row) -> bytes:
    return json.dumps(body).encode()


def digest_at(wire: Wire, repository: str, reference: str) -> str:
    """What a tag is on; nothing where it isn't there."""
    answer = pushes.get_manifest(wire, repository, reference, method="HEAD")
    return str(answer.headers["Docker-Content-Digest"]) if answer.status == 200 else ""


def assert_the_same(wire: Wire, repository: str, content: Content) -> None:
    """Every tag, manifest and blob, byte by byte."""
    for manifest in content.manifests:
        pushes.get_manifest(wire, repository, manifest.digest).expect(200).expect_body(manifest.payload)
    havoc.assert_pulled_back(wire, repository, content)
