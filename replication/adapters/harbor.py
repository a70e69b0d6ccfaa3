"""Harbor, and Roadstead itself, by Harbor's REST API v2.0."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime
from functools import cached_property
from itertools import islice
from urllib.parse import quote, urlencode

from oci.errors import Denied, NameUnknown, RegistryError, Unauthorized
from oci.referrers import BELONGING
from oci.vendor import JsonApi
from replication.adapters import base
from replication.adapters.base import Listed, by_digest
from replication.adapters.reading import Fields, inner, moment, number, rows, said, text
from replication.names import Sought

_PAGE = 100
_LABELS = 1000  # at most
_NAMED = {"X-Is-Resource-Name": "true"}  # a project may be called 42
_CREATED, _CONFLICT = 201, 409


class Adapter(base.Adapter):
    info = base.Info("harbor", "Harbor 2, or another Roadstead", labels=True, components=(2, 255))

    @cached_property
    def api(self) -> JsonApi:
        return self.vendor_api(f"{self.access.url}/api/v2.0", credential=self.credential)

    def check(self) -> None:
        super().check()
        try:
            self.api.get("/systeminfo")
        except NameUnknown as error:
            raise NameUnknown("the registry answers, but it has no REST API v2.0 of Harbor's") from error

    def catalog(self, where: Sought) -> Iterator[str]:
        projects = self._projects() if where.namespaces is None else iter(where.namespaces)
        return (name for project in projects for name in self._of(project))

    def _projects(self) -> Iterator[str]:
        return (text(each, "name") for each in self._listed(f"/projects?page_size={_PAGE}"))

    def _listed(self, target: str) -> Iterator[Fields]:
        for page in self.api.pages(target):
            yield from rows(page.document)

    def _of(self, project: str) -> Iterator[str]:
        """Nothing of a project that isn't there."""
        try:
            for each in self._listed(f"/projects/{quote(project, safe='')}/repositories?page_size={_PAGE}"):
                yield text(each, "name")
        except NameUnknown:
            return

    def artifacts(self, repository: str) -> Iterator[Listed]:
        query = {"with_tag": "true", "with_label": "true", "with_accessory": "true", "page_size": _PAGE}
        tags: set[str] = set()
        belonging = False
        try:
            for each in self._listed(f"{_place(repository)}/artifacts?{urlencode(query)}"):
                found = _listed(each)
                tags.update(found.tags)
                belonging |= found.has_referrers is not False
                yield found
        except NameUnknown:
            return
        if belonging:
            yield from self._tagged(repository, tags)

    def _tagged(self, repository: str, known: Container[str]) -> Iterator[Listed]:
        """Accessories that have tags of their own: Harbor lists accessories with what they belong to, without tags."""
        others = (tag for tag in self.client.tags(repository) if tag not in known and not BELONGING.fullmatch(tag))
        found = ((tag, self.client.head_manifest(repository, tag)) for tag in others)
        tagged = by_digest((tag, str(info.digest)) for tag, info in found if info is not None)
        yield from (Listed(digest, tags) for digest, tags in tagged.items())

    def labels(self) -> list[str]:
        return [text(each, "name") for each in islice(self._listed(f"/labels?scope=g&page_size={_PAGE}"), _LABELS)]

    def holders(self, digest: str) -> list[str]:
        """A hint: without an answer (Harbor older than 2.2 has no such list) there is none."""
        query = urlencode({"q": f"blob_digest={digest}", "page_size": 1})
        try:
            return [text(each, "name") for each in rows(self.api.get(f"/repositories?{query}").document)]
        except RegistryError:
            return []

    def is_public(self, repository: str) -> bool:
        try:
            project = self.api.get(_project(repository), headers=_NAMED).document
        except (NameUnknown, Denied, Unauthorized):
            return False
        return said(inner(project, "metadata"), "public") == "true"

    def make_home(self, repository: str, *, public: bool) -> None:
        project = self.home_of(repository)
        if not self._is_there(project):
            self._make(repository, project, public=public)

    def _is_there(self, project: str) -> bool:
        """Whoever may not ask may be one who may push nevertheless: that will be seen."""
        try:
            self.api.head(f"/projects?{urlencode({'project_name': project})}")
        except NameUnknown:
            return False
        except (Denied, Unauthorized):
            return True
        return True

    def _make(self, repository: str, project: str, *, public: bool) -> None:
        """An account that may not make projects may be one that isn't shown those it may push to."""
        body = {"project_name": project, "metadata": {"public": "true" if public else "false"}}
        try:
            self.api.post("/projects", body, expected={_CREATED, _CONFLICT})  # the latter: another task made it
        except Denied as error:
            if not self._may_push(repository):
                words = f"there is no project {project} that this account may push to, and it may not make it"
                raise Denied(f"{words}: {error.message}") from error

    def _may_push(self, repository: str) -> bool:
        try:
            self.client.cancel_upload(self.client.start_upload(repository), repository)
        except (Denied, Unauthorized, NameUnknown):
            return False
        return True

    def put_at(self, repository: str, reference: str) -> datetime | None:
        try:
            artifact = self.api.get(_artifact(repository, reference)).document
        except (NameUnknown, Denied, Unauthorized):
            return None
        tags = rows(artifact, "tags")
        told = [artifact, *tags] if ":" in reference else [tag for tag in tags if text(tag, "name") == reference]
        times = [at for each in told if (at := moment(each, "push_time")) is not None]
        return max(times, default=None)

    def delete(self, repository: str, reference: str) -> None:
        place = _artifact(repository, reference)
        try:
            self.api.delete(place if ":" in reference else f"{place}/tags/{quote(reference, safe='')}")
        except NameUnknown:
            return


def _project(repository: str) -> str:
    return f"/projects/{quote(repository.partition('/')[0], safe='')}"


def _place(repository: str) -> str:
    """A repository in the API: its slashes are encoded twice."""
    rest = repository.partition("/")[2]
    return f"{_project(repository)}/repositories/{quote(quote(rest, safe=''), safe='')}"


def _artifact(repository: str, reference: str) -> str:
    return f"{_place(repository)}/artifacts/{quote(reference, safe=':')}"


def _listed(found: Fields) -> Listed:
    """Accessories of an index's children aren't told with it."""
    accessories, children = rows(found, "accessories"), rows(found, "references")
    return Listed(
        digest=text(found, "digest"),
        tags=tuple(text(tag, "name") for tag in rows(found, "tags")),
        labels=tuple(text(label, "name") for label in rows(found, "labels")),
        kind=said(found, "type"),
        size=number(found, "size"),
        has_referrers=True if accessories else None if children else False,
    )
