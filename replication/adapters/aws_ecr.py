"""Amazon ECR, by its API: a password for the registry, repositories, images."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from artifacts.kinds import kind_of
from oci.addresses import Origin
from oci.client import RegistryClient
from oci.credential import Credential
from oci.errors import Denied, Unavailable, Unknown
from oci.vendor import JsonApi
from replication.adapters import base
from replication.adapters.aws_signature import Call, Signer
from replication.adapters.base import Listed
from replication.adapters.reading import Fields, fields, number, places, rows, said, text, texts
from replication.names import Sought

_TARGET = "AmazonEC2ContainerRegistry_V20150921"
_HOST = re.compile(r"(?:api|\d+\.dkr)\.ecr(?P<fips>-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<domain>[a-z0-9.-]+)")
_PAGE = 1000
_OK, _REFUSED = 200, 400
_REGIONS = """
af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2 ca-central-1
cn-north-1 cn-northwest-1 eu-central-1 eu-north-1 eu-south-1 eu-west-1 eu-west-2 eu-west-3 me-south-1 sa-east-1
us-east-1 us-east-2 us-west-1 us-west-2
"""


def _endpoint(region: str) -> str:
    return f"https://api.ecr.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


class Adapter(base.Adapter):
    info = base.Info(
        "aws-ecr",
        "Amazon ECR; the access key is an access key id, the secret its secret access key",
        endpoints={region: _endpoint(region) for region in _REGIONS.split()},
    )

    @cached_property
    def client(self) -> RegistryClient:
        """With a password that holds for twelve hours."""
        found = next(iter(rows(self.ask("GetAuthorizationToken", {}), "authorizationData")), {})
        try:
            token = base64.b64decode(text(found, "authorizationToken"), validate=True)
            name, _, password = token.decode().partition(":")
        except (binascii.Error, ValueError) as error:
            raise Unavailable("Amazon ECR gave a token that can't be read") from error
        own = ".dkr." in Origin.of(self.access.url).host
        return self.registry_client(
            self.access.url if own else text(found, "proxyEndpoint"), Credential(name, password)
        )

    @cached_property
    def place(self) -> tuple[str, str]:
        """Where the API is, and its region."""
        found = _HOST.fullmatch(Origin.of(self.access.url).host)
        if found is None:
            raise Unavailable("this is no address of Amazon ECR: https://api.ecr.REGION.amazonaws.com is one")
        return f"https://api.ecr{found['fips'] or ''}.{found['region']}.{found['domain']}", found["region"]

    @cached_property
    def api(self) -> JsonApi:
        return self.vendor_api(self.place[0])

    def ask(self, action: str, body: Mapping[str, Any], *, unless: str = "") -> Fields:
        """The answer to an action; empty for the exception `unless`. Its other refusals as `oci.errors`."""
        payload = json.dumps(body).encode()
        given = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{_TARGET}.{action}"}
        url, region = self.place
        signer = Signer(self.access.access_key, self.access.secret, region, "ecr")
        call = Call("POST", Origin.of(url).authority, "/", payload)
        headers = signer.headers(call, given, datetime.now(UTC))
        reply = self.api.post("/", payload, headers=headers, expected={_OK, _REFUSED})
        document = fields(reply.document or {})
        if reply.status == _OK:
            return document
        kind = said(document, "__type").rpartition("#")[2]
        if unless and kind == unless:
            return {}
        refusal = Denied if kind in _DENIALS else Unknown
        raise refusal(f"Amazon ECR refused {action}: {kind} {said(document, 'message') or said(document, 'Message')}")

    def _pages(self, action: str, body: Mapping[str, Any], unless: str) -> Iterator[Fields]:
        more: dict[str, Any] = {}
        for _ in places():
            page = self.ask(action, {**body, "maxResults": _PAGE, **more}, unless=unless)
            yield page
            if not said(page, "nextToken"):
                return
            more = {"nextToken": said(page, "nextToken")}

    def catalog(self, where: Sought) -> Iterator[str]:
        del where
        for page in self._pages("DescribeRepositories", {}, ""):
            yield from (text(each, "repositoryName") for each in rows(page, "repositories"))

    def artifacts(self, repository: str) -> Iterator[Listed]:
        body = {"repositoryName": repository, "filter": {"tagStatus": "TAGGED"}}
        for page in self._pages("DescribeImages", body, _NO_REPOSITORY):
            yield from map(_listed, rows(page, "imageDetails"))

    def home_of(self, repository: str) -> str:
        return repository

    def make_home(self, repository: str, *, public: bool) -> None:
        del public
        try:
            self.ask("CreateRepository", {"repositoryName": repository}, unless="RepositoryAlreadyExistsException")
        except Denied:
            if not self.ask("DescribeRepositories", {"repositoryNames": [repository]}, unless=_NO_REPOSITORY):
                raise

    def delete(self, repository: str, reference: str) -> None:
        named = {"imageDigest" if ":" in reference else "imageTag": reference}
        body = {"repositoryName": repository, "imageIds": [named]}
        for failure in rows(self.ask("BatchDeleteImage", body, unless=_NO_REPOSITORY), "failures"):
            if said(failure, "failureCode") != "ImageNotFound":
                raise Denied(f"Amazon ECR didn't delete {repository} {reference}: {said(failure, 'failureReason')}")


_NO_REPOSITORY = "RepositoryNotFoundException"
_DENIALS = {
    "AccessDeniedException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "InvalidClientTokenId",
    "MissingAuthenticationTokenException",
}


def _listed(found: Fields) -> Listed:
    media_type, artifact_type = said(found, "imageManifestMediaType"), said(found, "artifactMediaType")
    return Listed(
        digest=text(found, "imageDigest"),
        tags=texts(found, "imageTags"),
        kind=kind_of(media_type, artifact_type) if artifact_type else "",
        size=number(found, "imageSizeInBytes"),
    )
