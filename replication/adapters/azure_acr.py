"""Azure Container Registry: repositories and manifests by its own API, beside the registry."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from urllib.parse import quote

from artifacts.kinds import kind_of
from oci.addresses import Origin
from oci.credential import AnyCredential, BearerToken, IdentityToken
from oci.errors import NameUnknown
from oci.vendor import JsonApi
from replication.adapters import base
from replication.adapters.base import Listed
from replication.adapters.reading import Fields, number, rows, said, text, texts
from replication.names import Sought

REFRESH = "00000000-0000-0000-0000-000000000000"  # the name under which Azure gives refresh tokens out
_PAGE = 1000


class Adapter(base.Adapter):
    info = base.Info(
        "azure-acr",
        "Azure Container Registry; a service principal, the admin user, or a refresh token under the name of zeros",
    )

    @property
    def credential(self) -> AnyCredential | None:
        return IdentityToken(self.access.secret) if self.access.access_key == REFRESH else super().credential

    @cached_property
    def api(self) -> JsonApi:
        """With the credential itself; what a refresh token is changed for comes with each call."""
        credential = self.credential
        return self.vendor_api(
            self.access.url, credential=None if isinstance(credential, IdentityToken) else credential
        )

    def headers(self, scope: str) -> dict[str, str]:
        """The token for a scope that a refresh token is changed for, where the credential is one."""
        credential = self.credential
        if not isinstance(credential, IdentityToken):
            return {}
        form = {
            "grant_type": "refresh_token",
            "service": Origin.of(self.access.url).host,
            "scope": scope,
            "refresh_token": credential.token,
        }
        answer = self.api.post("/oauth2/token", form=form).document
        return {"Authorization": BearerToken(text(answer, "access_token")).bearer}

    def catalog(self, where: Sought) -> Iterator[str]:
        del where
        for page in self.api.pages(f"/acr/v1/_catalog?n={_PAGE}", headers=self.headers("registry:catalog:*")):
            yield from texts(page.document, "repositories")

    def artifacts(self, repository: str) -> Iterator[Listed]:
        """Of those that have a tag."""
        target = f"/acr/v1/{quote(repository)}/_manifests?n={_PAGE}"
        try:
            for page in self.api.pages(target, headers=self.headers(f"repository:{repository}:metadata_read")):
                yield from map(_listed, (each for each in rows(page.document, "manifests") if texts(each, "tags")))
        except NameUnknown:
            return

    def delete_tag(self, repository: str, tag: str) -> None:
        target = f"/acr/v1/{quote(repository)}/_tags/{quote(tag, safe='')}"
        try:
            self.api.delete(target, headers=self.headers(f"repository:{repository}:delete"))
        except NameUnknown:
            return


def _listed(found: Fields) -> Listed:
    config = said(found, "artifactType") or said(found, "configMediaType")
    return Listed(
        digest=text(found, "digest"),
        tags=texts(found, "tags"),
        kind=kind_of(said(found, "mediaType"), config) if config else "",
        size=number(found, "imageSize"),
    )
