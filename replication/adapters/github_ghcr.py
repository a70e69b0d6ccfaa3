"""GitHub's container registry: packages and their versions by GitHub's REST API."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar
from urllib.parse import quote

from oci.credential import BearerToken
from oci.errors import NameInvalid, NameUnknown, Unsupported
from oci.vendor import JsonApi
from replication.adapters import base
from replication.adapters.base import Listed
from replication.adapters.reading import Fields, inner, number, rows, said, text, texts
from replication.names import Sought

_PAGE = 100


class Adapter(base.Adapter):
    info = base.Info(
        "github-ghcr",
        "GitHub's container registry; the secret is a personal access token (classic) with read:packages",
        endpoints={"ghcr.io": "https://ghcr.io"},
        fixed=True,
        components=(2, 255),
    )
    github: ClassVar[str] = "https://api.github.com"

    @cached_property
    def api(self) -> JsonApi | None:
        """None without a token: GitHub lists packages to nobody."""
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        token = self.access.secret
        return self.vendor_api(self.github, credential=BearerToken(token), headers=headers) if token else None

    def catalog(self, where: Sought) -> Iterator[str]:
        if self.api is None or where.namespaces is None:
            raise NameInvalid("GitHub lists packages of one owner, to a token: let a name filter begin as OWNER/…")
        return (name for owner in where.namespaces for name in self._of(owner))

    def _of(self, owner: str) -> Iterator[str]:
        for each in self._listed(owner, f"/packages?package_type=container&per_page={_PAGE}"):
            yield f"{owner}/{text(each, 'name')}"

    def artifacts(self, repository: str) -> Iterator[Listed] | None:
        """Of those that have a tag."""
        return None if self.api is None else self._tagged(repository)

    def _tagged(self, repository: str) -> Iterator[Listed]:
        for each in self._versions(repository):
            if tags := _tags(each):
                yield Listed(text(each, "name"), tags)

    def _versions(self, repository: str) -> Iterator[Fields]:
        owner, _, name = repository.partition("/")
        return self._listed(owner, f"{_package(name)}/versions?per_page={_PAGE}")

    def _listed(self, owner: str, target: str) -> Iterator[Fields]:
        """Of an organisation, or else of a user; nothing of what isn't there."""
        for kind in ("orgs", "users"):
            try:
                for page in self.api.pages(f"/{kind}/{quote(owner, safe='')}{target}") if self.api else ():
                    yield from rows(page.document)
            except NameUnknown:
                continue
            return

    def delete(self, repository: str, reference: str) -> None:
        """GitHub deletes versions, which are manifests: a tag can't go without the others on it."""
        for each in self._versions(repository):
            tags = _tags(each)
            if reference != said(each, "name") and reference not in tags:
                continue
            if reference in tags and len(tags) > 1:
                raise Unsupported(f"GitHub can't delete the tag {reference} alone: {', '.join(tags)} are one version")
            self._delete(repository, number(each, "id"))
            return

    def _delete(self, repository: str, version: int) -> None:
        owner, _, name = repository.partition("/")
        for kind in ("orgs", "users"):
            try:
                if self.api is not None:
                    self.api.delete(f"/{kind}/{quote(owner, safe='')}{_package(name)}/versions/{version}")
            except NameUnknown:
                continue
            return


def _package(name: str) -> str:
    return f"/packages/container/{quote(name, safe='')}"


def _tags(version: Fields) -> tuple[str, ...]:
    return texts(inner(inner(version, "metadata"), "container"), "tags")
