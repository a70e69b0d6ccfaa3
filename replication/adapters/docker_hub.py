"""Docker Hub: repositories and tags by its own API, which costs no pulls; the registry is under another name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar
from urllib.parse import quote

from oci.client import RegistryClient
from oci.credential import BearerToken
from oci.errors import NameInvalid, NameUnknown
from oci.vendor import JsonApi
from replication.adapters import base
from replication.adapters.base import Listed, by_digest
from replication.adapters.reading import Fields, fields, number, places, rows, said, text
from replication.names import Sought

_PAGE = 100


class Adapter(base.Adapter):
    info = base.Info(
        "docker-hub",
        "Docker Hub; the password may be an access token",
        endpoints={"hub.docker.com": "https://hub.docker.com"},
        fixed=True,
        components=(2, 2),
    )
    registry: ClassVar[str] = "https://registry-1.docker.io"

    @cached_property
    def client(self) -> RegistryClient:
        return self.registry_client(self.registry, self.credential)

    @cached_property
    def hub(self) -> JsonApi:
        """Docker Hub's API, with the token that it gives for the account."""
        if not self.access.access_key:
            return self.vendor_api(self.access.url)
        asked = {"identifier": self.access.access_key, "secret": self.access.secret}
        answer = self.vendor_api(self.access.url).post("/v2/auth/token", asked).document
        return self.vendor_api(self.access.url, credential=BearerToken(text(answer, "access_token")))

    def check(self) -> None:
        super().check()
        if self.access.access_key:
            _ = self.hub

    def catalog(self, where: Sought) -> Iterator[str]:
        namespaces = where.namespaces or ((self.access.access_key,) if self.access.access_key else ())
        if not namespaces:
            raise NameInvalid("Docker Hub can't be listed as a whole: let a name filter begin as library/…")
        return (name for namespace in namespaces for name in self._of(namespace))

    def _of(self, namespace: str) -> Iterator[str]:
        for each in self._results(f"/v2/namespaces/{quote(namespace, safe='')}/repositories"):
            yield f"{namespace}/{text(each, 'name')}"

    def artifacts(self, repository: str) -> Iterator[Listed]:
        tagged: list[tuple[str, str]] = []
        sizes: dict[str, int] = {}
        # A page at a time is in memory: each tag tells of all its platforms.
        for each in self._results(f"{_place(repository)}/tags"):
            if digest := self._digest(repository, each):
                tagged.append((text(each, "name"), digest))
                sizes[digest] = number(each, "full_size")
        for digest, tags in by_digest(tagged).items():
            yield Listed(digest, tags, size=sizes[digest])

    def _digest(self, repository: str, tag: Fields) -> str:
        """Of old tags it isn't told. "" for one that has gone meanwhile."""
        if told := said(tag, "digest"):
            return told
        found = self.client.head_manifest(repository, text(tag, "name"))
        return str(found.digest) if found else ""

    def _results(self, target: str) -> Iterator[Fields]:
        """Nothing of what isn't there."""
        for place in places():
            try:
                page = self.hub.get(f"{target}?page_size={_PAGE}&page={place}").document
            except NameUnknown:
                return
            yield from rows(page, "results")
            if not said(page, "next"):
                return

    def is_public(self, repository: str) -> bool:
        try:
            return fields(self.hub.get(_place(repository)).document).get("is_private") is False
        except NameUnknown:
            return False

    def delete_tag(self, repository: str, tag: str) -> None:
        try:
            self.hub.delete(f"/v2/repositories/{quote(repository)}/tags/{quote(tag, safe='')}/")
        except NameUnknown:
            return


def _place(repository: str) -> str:
    namespace, _, name = repository.partition("/")
    return f"/v2/namespaces/{quote(namespace, safe='')}/repositories/{quote(name, safe='')}"
