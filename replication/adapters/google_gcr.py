"""Google's registries, gcr.io and Artifact Registry's: their lists of tags tell digests, and what lies below."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from urllib.parse import quote

from oci.digest import Digest
from oci.errors import NameInvalid, NameUnknown
from oci.vendor import JsonApi
from replication.adapters import base
from replication.adapters.base import Listed
from replication.adapters.reading import Fields, fields, inner, number, places, texts
from replication.names import Sought

_MOST = 200_000  # names that are looked at


class Adapter(base.Adapter):
    info = base.Info(
        "google-gcr",
        "Google's gcr.io and Artifact Registry; the secret is the JSON file of a service account's key",
        endpoints={host: f"https://{host}" for host in ("gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io")},
        access_key="_json_key",
        secret_file=True,
        components=(2, 255),
    )

    @cached_property
    def api(self) -> JsonApi:
        return self.vendor_api(self.access.url, credential=self.credential)

    def catalog(self, where: Sought) -> Iterator[str]:
        roots = {prefix.rpartition("/")[0] for prefix in where.prefixes}
        if "" in roots:
            raise NameInvalid("Google's registries can't be listed as a whole: let a name filter begin as PROJECT/…")
        return (name for root in sorted(roots) for name in self._below(root))

    def _below(self, root: str) -> Iterator[str]:
        waiting, looks = [root], places(_MOST)
        while waiting:
            next(looks)
            name = waiting.pop()
            found = self._list(name)
            if inner(found, "manifest"):
                yield name
            waiting += [f"{name}/{child}" for child in texts(found, "child")]

    def _list(self, name: str) -> Fields:
        """Empty for what isn't there."""
        try:
            return fields(self.api.get(f"/v2/{quote(name)}/tags/list").document)
        except NameUnknown:
            return {}

    def artifacts(self, repository: str) -> Iterator[Listed]:
        """Of those that have a tag."""
        for digest, told in inner(self._list(repository), "manifest").items():
            if tags := texts(told, "tag"):
                yield Listed(digest, tags, size=number(told, "imageSizeBytes"))

    def delete(self, repository: str, reference: str) -> None:
        """An artifact doesn't go while it has a tag."""
        if ":" not in reference:
            self.delete_tag(repository, reference)
            return
        for tag in texts(inner(inner(self._list(repository), "manifest"), reference), "tag"):
            self.delete_tag(repository, tag)
        self.client.delete_manifest(repository, Digest.parse(reference))
