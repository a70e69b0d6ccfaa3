"""Quay: organisations, repositories and tags by its own API, where there is a token for that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

from oci.credential import AnyCredential, BearerToken, Credential
from oci.errors import NameUnknown
from oci.vendor import JsonApi
from replication.adapters import base
from replication.adapters.base import Listed, by_digest
from replication.adapters.reading import Fields, fields, number, places, rows, said, text
from replication.names import Sought

_PAGE = 100


class Adapter(base.Adapter):
    info = base.Info(
        "quay",
        "Quay; a robot and its token, or as the secret a JSON object of account_name, docker_cli_password and "
        "oauth2_token, by which repositories are listed and organisations made",
        components=(2, 255),
    )

    @cached_property
    def _parts(self) -> Mapping[str, Any]:
        """The secret as JSON; {} for a plain one."""
        try:
            found = json.loads(self.access.secret)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def credential(self) -> AnyCredential | None:
        if not self._parts:
            return super().credential
        name, password = self._parts.get("account_name"), self._parts.get("docker_cli_password")
        return Credential(str(name), str(password)) if name and password else None

    @cached_property
    def api(self) -> JsonApi | None:
        token = self._parts.get("oauth2_token")
        return self.vendor_api(f"{self.access.url}/api/v1", credential=BearerToken(str(token))) if token else None

    def catalog(self, where: Sought) -> Iterator[str]:
        if where.namespaces is None or self.api is None:
            return super().catalog(where)
        return (name for each in where.namespaces for name in self._of(self.api, each))

    def _of(self, api: JsonApi, namespace: str) -> Iterator[str]:
        query = {"namespace": namespace}
        for _ in places():
            page = api.get(f"/repository?{urlencode(query)}").document
            yield from (f"{text(each, 'namespace')}/{text(each, 'name')}" for each in rows(page, "repositories"))
            if not said(page, "next_page"):
                return
            query = {"namespace": namespace, "next_page": said(page, "next_page")}

    def artifacts(self, repository: str) -> Iterator[Listed] | None:
        return None if self.api is None else self._tagged(self.api, repository)

    def _tagged(self, api: JsonApi, repository: str) -> Iterator[Listed]:
        tagged: list[tuple[str, str]] = []
        sizes: dict[str, int] = {}
        try:
            for each in _tags(api, repository):
                digest = text(each, "manifest_digest")
                tagged.append((text(each, "name"), digest))
                sizes[digest] = number(each, "size")
        except NameUnknown:
            return
        for digest, names in by_digest(tagged).items():
            yield Listed(digest, names, size=sizes[digest])

    def make_home(self, repository: str, *, public: bool) -> None:
        """Quay makes the repository at the push; its organisation has to be there."""
        del public
        namespace = self.home_of(repository)
        if self.api is not None and not _is_there(self.api, namespace):
            self.api.post("/organization/", {"name": namespace, "email": f"{namespace}@localhost"})


def _tags(api: JsonApi, repository: str) -> Iterator[Fields]:
    for place in places():
        query = urlencode({"onlyActiveTags": "true", "limit": _PAGE, "page": place})
        page = api.get(f"/repository/{quote(repository)}/tag/?{query}").document
        yield from rows(page, "tags")
        if not fields(page).get("has_additional"):
            return


def _is_there(api: JsonApi, namespace: str) -> bool:
    """As an organisation or as a user."""
    for place in ("organization", "users"):
        try:
            api.get(f"/{place}/{quote(namespace, safe='')}")
        except NameUnknown:
            continue
        return True
    return False
