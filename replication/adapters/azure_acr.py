"""Azure Container Registry: repositories and manifests by its own API, beside the registry."""

from __future__ import annotations

from collections.abc import Iterator
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

    def api(self, scope: str) -> JsonApi:
        """With the credential itself, or the token that a refresh token is changed for."""
        credential = self.credential
        if isinstance(credential, IdentityToken):
            form = {
                "grant_type": "refresh_token",
                "service": Origin.of(self.access.url).host,
                "scope": scope,
                "refresh_token": credential.token,
            }
            answer = self.vendor_api(self.access.url).post("/oauth2/token", form=form).document
            credential = BearerToken(text(answer, "access_token"))
        return self.vendor_api(self.access.url, credential=credential)

    def catalog(self, where: Sought) -> Iterator[str]:
        del where
        for page in self.api("registry:catalog:*").pages(f"/acr/v1/_catalog?n={_PAGE}"):
            yield from texts(page.document, "repositories")

    def artifacts(self, repository: str) -> Iterator[Listed]:
        """Of those that have a tag."""
        api = self.api(f"repository:{repository}:metadata_read")
        try:
            for page in api.pages(f"/acr/v1/{quote(repository)}/_manifests?n={_PAGE}"):
                yield from map(_listed, (each for each in rows(page.document, "manifests") if texts(each, "tags")))
        except NameUnknown:
            return

    def delete_tag(self, repository: str, tag: str) -> None:
        try:
            self.api(f"repository:{repository}:delete").delete(
                f"/acr/v1/{quote(repository)}/_tags/{quote(tag, safe='')}"
            )
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
