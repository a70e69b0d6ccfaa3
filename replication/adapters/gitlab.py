"""GitLab's container registry: repositories by GitLab's own API, which is where the registry's tokens come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from urllib.parse import quote

from oci.addresses import Origin
from oci.challenge import parse, realm_of
from oci.errors import NameUnknown, Unavailable
from oci.vendor import JsonApi
from replication.adapters import base
from replication.adapters.reading import Fields, number, rows, text
from replication.names import Sought

_PAGE = 100
_OK, _UNAUTHORIZED = 200, 401


class Adapter(base.Adapter):
    info = base.Info(
        "gitlab",
        "GitLab's container registry, by its own address as https://registry.gitlab.com; the secret is an access token",
        components=(2, 255),
    )

    @cached_property
    def api(self) -> JsonApi:
        """GitLab itself: at the host of the token service that the registry names."""
        reply = self.vendor_api(self.access.url).get("/v2/", expected={_OK, _UNAUTHORIZED})
        challenges = parse([reply.headers.get("WWW-Authenticate", "")])
        bearer = next((each for each in challenges if each.scheme == "bearer"), None)
        if bearer is None:
            raise Unavailable("the registry doesn't name GitLab's token service")
        realm = realm_of(bearer, Origin.of(self.access.url))
        headers = {"PRIVATE-TOKEN": self.access.secret} if self.access.secret else {}
        return self.vendor_api(f"{Origin.of(realm.url)}/api/v4", headers=headers)

    def catalog(self, where: Sought) -> Iterator[str]:
        groups = where.namespaces
        return self._of_all() if groups is None else (path for each in groups for path in self._of(each))

    def _of(self, group: str) -> Iterator[str]:
        """Of all projects in a group and below; of a user's, where the name is one."""
        try:
            yield from self._paths(f"/groups/{quote(group, safe='')}/registry/repositories")
        except NameUnknown:
            yield from self._of_projects(f"/users/{quote(group, safe='')}/projects")

    def _of_all(self) -> Iterator[str]:
        return self._of_projects("/projects", "membership=true&")

    def _of_projects(self, target: str, query: str = "") -> Iterator[str]:
        """Nothing of what isn't there: neither of a user, nor of a project that is gone, or closed, by the time."""
        with suppress(NameUnknown):
            for project in self._listed(f"{target}?{query}per_page={_PAGE}"):
                if project.get("container_registry_enabled", True):
                    with suppress(NameUnknown):
                        yield from self._paths(f"/projects/{number(project, 'id')}/registry/repositories")

    def _paths(self, target: str) -> Iterator[str]:
        return (text(each, "path") for each in self._listed(f"{target}?per_page={_PAGE}"))

    def _listed(self, target: str) -> Iterator[Fields]:
        for page in self.api.pages(target):
            yield from rows(page.document)
