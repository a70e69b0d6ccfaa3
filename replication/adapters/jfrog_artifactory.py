"""JFrog Artifactory, whose docker repositories are the first component of a name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from urllib.parse import quote

from oci.errors import NameUnknown
from oci.vendor import JsonApi
from replication.adapters import base
from replication.adapters.reading import rows, text, texts
from replication.names import Sought

_PAGE = 1000
_OK, _NO_SUCH = 200, (400, 404)


class Adapter(base.Adapter):
    info = base.Info("jfrog-artifactory", "JFrog Artifactory, with docker repositories by path", components=(2, 255))

    @cached_property
    def api(self) -> JsonApi:
        return self.vendor_api(f"{self.access.url}/artifactory/api", credential=self.credential)

    def catalog(self, where: Sought) -> Iterator[str]:
        keys = self._keys() if where.namespaces is None else iter(where.namespaces)
        return (name for key in keys for name in self._of(key))

    def _keys(self) -> Iterator[str]:
        return (text(each, "key") for each in rows(self.api.get("/repositories?packageType=docker").document))

    def _of(self, key: str) -> Iterator[str]:
        try:
            for page in self.api.pages(f"/docker/{quote(key, safe='')}/v2/_catalog?n={_PAGE}"):
                yield from (f"{key}/{name}" for name in texts(page.document, "repositories"))
        except NameUnknown:
            return

    def make_home(self, repository: str, *, public: bool) -> None:
        del public
        key = self.home_of(repository)
        place = f"/repositories/{quote(key, safe='')}"
        if self.api.get(place, expected={_OK, *_NO_SUCH}).status in _NO_SUCH:
            self.api.put(place, {"key": key, "rclass": "local", "packageType": "docker"})
