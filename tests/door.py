"""The registry's front door for tests: Django's client with a token, before a real Distribution, without nginx."""

import json
import os
import time
import uuid
from typing import Any

import jwt
from django.conf import settings
from django.test import Client

from oci.digest import Digest
from oci.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.flows.content import Content, PushedManifest
from tokens import keys

OCTETS = "application/octet-stream"
ACCEPT_ALL = ", ".join([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST])

Access = tuple[str, list[str]]


def sign(*access: Access, subject: str = "alice", lifetime: int = 300) -> str:
    """A token as the token service makes them, for whatever `access` a test wants: (repository, actions)."""
    signer, now = keys.current(), int(time.time())
    claims = {
        "iss": settings.TOKEN_ISSUER,
        "aud": settings.TOKEN_SERVICE,
        "sub": subject,
        "exp": now + lifetime,
        "nbf": now,
        "iat": now,
        "jti": uuid.uuid4().hex,
        "access": [{"type": "repository", "name": name, "actions": actions} for name, actions in access],
    }
    return jwt.encode(claims, signer.private_key, algorithm="ES256", headers={"kid": signer.kid})


def bearer(*access: Access, subject: str = "alice") -> Client:
    """A client whose token allows `access` and nothing else."""
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {sign(*access, subject=subject)}"})


def error_of(response: Any) -> tuple[int, str]:
    """Status and OCI code of an error answer, whose body must be OCI's JSON."""
    assert response["Content-Type"] == "application/json"
    body = json.loads(response.content)
    assert list(body) == ["errors"]
    assert body["errors"][0]["message"]
    return response.status_code, body["errors"][0]["code"]


class Door:
    """One repository, and everything one may do with it."""

    def __init__(self, repository: str, *actions: str, subject: str = "alice") -> None:
        self.repository = repository
        self.client = bearer((repository, list(actions or ("pull", "push", "delete"))), subject=subject)

    def url(self, rest: str) -> str:
        return f"/v2/{self.repository}/{rest}"

    def get(self, rest: str, **headers: str) -> Any:
        return self.client.get(self.url(rest), headers=_named(headers))

    def head(self, rest: str, **headers: str) -> Any:
        return self.client.head(self.url(rest), headers=_named(headers))

    def delete(self, rest: str) -> Any:
        return self.client.delete(self.url(rest))

    def post(self, rest: str, body: bytes = b"") -> Any:
        return self.client.post(self.url(rest), data=body, content_type=OCTETS)

    def put(self, rest: str, body: bytes = b"", content_type: str = OCTETS) -> Any:
        return self.client.put(self.url(rest), data=body, content_type=content_type)

    def push_blob(self, payload: bytes, algorithm: str = "sha256") -> str:
        digest = str(Digest.of(payload, algorithm))  # type: ignore[arg-type]
        answer = self.post(f"blobs/uploads/?digest={digest}", payload)
        assert answer.status_code == 201, answer.content
        return digest

    def put_manifest(self, manifest: PushedManifest, reference: str | None = None) -> Any:
        return self.put(f"manifests/{reference or manifest.digest}", manifest.payload, manifest.media_type)

    def push(self, content: Content) -> Content:
        """Everything in `content`, then its tags."""
        for payload in content.blobs.values():
            self.push_blob(payload, content.algorithm)
        for manifest in content.manifests:
            answer = self.put_manifest(manifest)
            assert answer.status_code == 201, answer.content
        for tag, digest in content.tags.items():
            assert self.put_manifest(content.manifest(digest), tag).status_code == 201
        return content


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def image(*, tag: str | None = "latest", algorithm: str = "sha256", layers: int = 1, **fields: Any) -> Content:
    """A small random image; `fields` join its manifest."""
    content = Content(algorithm=algorithm)
    content.add_image(layers=layers, extra=fields or None)
    return content.tag(tag) if tag else content


def unique() -> str:
    return os.urandom(6).hex()
