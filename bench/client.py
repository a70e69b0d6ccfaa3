"""A small registry client: pushes as docker does (POST, one PATCH, PUT) and costs next to nothing itself."""

import hashlib
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

from bench.content import Blob, Image
from bench.load import Load

TIMEOUT = 120  # seconds
Authorize = Callable[[str], dict[str, str]]


class ClientError(Exception):
    """A registry answered otherwise than the benchmark needs."""


class Client:
    """Talks to the registry at `url`; `authorize(scope)` gives the headers for a scope, maybe none."""

    def __init__(self, url: str, authorize: Authorize) -> None:
        self.parts = urlsplit(url)
        self.authorize = authorize

    def push_image(self, repository: str, tag: str, image: Image) -> None:
        for blob in image.blobs:
            self.push_blob(repository, blob)
        self.push_manifest(repository, tag, image)

    def push_blob(self, repository: str, blob: Blob) -> Load:
        """Upload one blob in three requests over one connection; returns what that took."""
        headers = self.authorize(f"repository:{repository}:pull,push")
        connection = HTTPConnection(self.parts.hostname or "", self.parts.port, timeout=TIMEOUT)
        begun = time.monotonic()
        try:
            location = self._send(connection, "POST", f"/v2/{repository}/blobs/uploads/", headers, expect=202)
            location = self._stream(connection, location, headers, blob)
            joined = f"{location}{'&' if '?' in location else '?'}digest={blob.digest}"
            self._send(connection, "PUT", joined, headers, expect=201)
        finally:
            connection.close()
        return Load(1, blob.size, time.monotonic() - begun)

    def _send(self, connection: HTTPConnection, method: str, path: str, headers: dict[str, str], *, expect: int) -> str:
        connection.request(method, path, headers={**headers, "Content-Length": "0"})
        return self._location(connection.getresponse(), expect)

    def _stream(self, connection: HTTPConnection, path: str, headers: dict[str, str], blob: Blob) -> str:
        connection.putrequest("PATCH", path)
        for name, value in {**headers, "Content-Type": "application/octet-stream"}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(blob.size))
        connection.endheaders()
        with blob.path.open("rb") as file:
            connection.sock.sendfile(file)
        return self._location(connection.getresponse(), 202)

    def _location(self, response: HTTPResponse, expect: int) -> str:
        body = response.read()
        if response.status != expect:
            raise ClientError(f"expected {expect}, got {response.status}: {body[:500]!r}")
        parts = urlsplit(response.headers["Location"])
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def push_manifest(self, repository: str, tag: str, image: Image) -> None:
        headers = self.authorize(f"repository:{repository}:pull,push") | {"Content-Type": image.media_type}
        connection = HTTPConnection(self.parts.hostname or "", self.parts.port, timeout=TIMEOUT)
        connection.request("PUT", f"/v2/{repository}/manifests/{tag}", body=image.payload, headers=headers)
        self._location(connection.getresponse(), 201)
        connection.close()

    def check(self, repository: str, path: str, digest: str, *, accept: str = "*/*") -> None:
        """GET a blob or manifest and insist on its SHA-256: what is measured must also be right."""
        headers = self.authorize(f"repository:{repository}:pull") | {"Accept": accept}
        connection = HTTPConnection(self.parts.hostname or "", self.parts.port, timeout=TIMEOUT)
        connection.request("GET", f"/v2/{repository}/{path}", headers=headers)
        response = connection.getresponse()
        seen = hashlib.sha256()
        while piece := response.read(1 << 20):
            seen.update(piece)
        connection.close()
        if response.status != 200 or f"sha256:{seen.hexdigest()}" != digest:
            raise ClientError(f"{path} of {repository} answered {response.status} and other bytes than were pushed")
