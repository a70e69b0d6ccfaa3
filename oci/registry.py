"""An in-memory registry for tests: a real HTTP server on a thread, in Distribution's manner where that has its own."""

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Self
from urllib.parse import parse_qs, urlencode, urlsplit

from oci import manifest
from oci.digest import Digest
from oci.errors import (
    BlobUnknown,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestUnknown,
    NameUnknown,
    PaginationNumberInvalid,
    RangeInvalid,
    RegistryError,
    Unavailable,
    Unsupported,
    as_json,
)
from oci.listener import Listener, Reply
from oci.reference import PATH_PATTERN, parse_reference

DROP = 0
"""A fault: the connection is closed without an answer."""

_NAME = rf"(?P<name>{PATH_PATTERN})"
_RESOURCES = {
    "base": r"/v2/",
    "catalog": r"/v2/_catalog",
    "storage": r"/storage/(?P<reference>[^/]+)",
    "tags": rf"/v2/{_NAME}/tags/list",
    "uploads": rf"/v2/{_NAME}/blobs/uploads/",
    "upload": rf"/v2/{_NAME}/blobs/uploads/(?P<reference>[0-9a-f-]{{36}})",
    "blob": rf"/v2/{_NAME}/blobs/(?P<reference>[^/]+)",
    "manifest": rf"/v2/{_NAME}/manifests/(?P<reference>[^/]+)",
    "referrers": rf"/v2/{_NAME}/referrers/(?P<reference>[^/]+)",
}
_ROUTES = [(resource, re.compile(pattern)) for resource, pattern in _RESOURCES.items()]
_JSON = {"Content-Type": "application/json"}
_NOT_FOUND = Reply(404, {"Content-Type": "text/plain"}, b"404 page not found\n")


@dataclass
class Repository:
    blobs: set[Digest] = field(default_factory=set)
    manifests: dict[Digest, tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)


@dataclass
class Upload:
    repository: str
    content: bytearray = field(default_factory=bytearray)


@dataclass(frozen=True)
class Call:
    """A request, taken apart; `name` and `reference` are "" where the route has none."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    name: str = ""
    reference: str = ""


Guard = Callable[[Call], Reply | None]


class LineCut(Exception):
    """The connection is to be closed without an answer."""


class MemoryRegistry:
    """Use it in a `with`, or `start` and `stop`; a second `start` listens on the same port with the same content.

    Tests may look at and change `repositories`, `content` (blobs by digest) and `uploads`, read `calls` (method and
    path of all requests), queue `faults` (statuses, replies, or DROP, that the next requests get), set `redirect_blobs`
    (blobs come from /storage/, as Distribution answers on S3) and `cut_after` (bytes of a payload before the line
    breaks). `cuts` and `upload_cuts` are such bytes too, for the next blobs that go down and pieces that come up: what
    came until then is kept, and `forgiving` takes up uploads whose state is outdated, which Distribution doesn't.
    Without `has_referrers` there is no referrers API. `guard` may answer before the registry does: see oci.doorman.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.guard: Guard | None = None
        self.has_referrers, self.forgiving = True, False
        self.cuts, self.upload_cuts = list[int](), list[int]()
        self.repositories: dict[str, Repository] = {}
        self.content: dict[Digest, bytes] = {}
        self.aliases: dict[Digest, Digest] = {}
        self.uploads: dict[str, Upload] = {}
        self.calls: list[tuple[str, str]] = []
        self.faults: list[int | Reply] = []
        self.redirect_blobs = False
        self.cut_after: int | None = None
        self._lock = threading.Lock()
        self._listener: Listener | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._listener = Listener(self.answer, self.port)
        self.port = self._listener.port
        return self

    def stop(self) -> None:
        """Kept connections die too, as when a process ends."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply | None:
        """The reply to one request, None for dropping the connection."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        with self._lock:
            self.calls.append((method, parts.path))
            if self.faults:
                return _faulty(self.faults.pop(0))
            call = Call(method, parts.path, query, headers, body)
            if self.guard is not None and (reply := self.guard(call)) is not None:
                return reply
            try:
                return self._cut(self._dispatch(call))
            except LineCut:
                return None
            except RegistryError as error:
                return Reply(error.status, _JSON, as_json(error))

    def _dispatch(self, call: Call) -> Reply:
        for resource, pattern in _ROUTES:
            if found := pattern.fullmatch(call.path):
                handle: Callable[[Call], Reply] | None = getattr(self, f"_{_verb(call.method)}_{resource}", None)
                if handle is None:
                    raise Unsupported
                return handle(Call(**{**vars(call), **found.groupdict()}))
        return _NOT_FOUND

    def _cut(self, reply: Reply) -> Reply:
        return reply if self.cut_after is None else replace(reply, cut_after=self.cut_after)

    def _repository(self, call: Call) -> Repository:
        if call.name not in self.repositories:
            raise NameUnknown(detail={"name": call.name})
        return self.repositories[call.name]

    def _get_base(self, _: Call) -> Reply:
        return Reply(200, _JSON, b"{}")

    # Blobs

    def _get_blob(self, call: Call) -> Reply:
        digest = self._canonical(call.reference)
        if call.name not in self.repositories or digest not in self.repositories[call.name].blobs:
            raise BlobUnknown(detail=str(digest))
        if self.redirect_blobs:
            return Reply(307, {"Location": f"{self.url}/storage/{digest}?signature=valid"})
        headers = {"Docker-Content-Digest": str(digest), "Content-Type": "application/octet-stream"}
        reply = _ranged(call, self.content[digest], headers)
        cut = self.cuts.pop(0) if self.cuts and call.method == "GET" else None
        return reply if cut is None else replace(reply, cut_after=cut)

    def _get_storage(self, call: Call) -> Reply:
        payload = self.content.get(Digest.parse(call.reference))
        if call.query.get("signature") != "valid":
            return Reply(403)
        return Reply(404) if payload is None else _ranged(call, payload, {})

    def _delete_blob(self, call: Call) -> Reply:
        digest = self._canonical(call.reference)
        repository = self._repository(call)
        if digest not in repository.blobs:
            raise BlobUnknown(detail=str(digest))
        repository.blobs.remove(digest)
        return Reply(202)

    # Uploads

    def _post_uploads(self, call: Call) -> Reply:
        if "mount" in call.query:
            digest = self._canonical(call.query["mount"])
            source = self.repositories.get(call.query.get("from", ""))
            if source is not None and digest in source.blobs:
                return self._link(call.name, digest)
        if "digest" in call.query:
            return self._store(call.name, call.query["digest"], call.body)
        identity = str(uuid.uuid4())
        self.uploads[identity] = Upload(call.name)
        return self._progress(202, identity)

    def _upload(self, call: Call) -> Upload:
        upload = self.uploads.get(call.reference)
        if upload is None or upload.repository != call.name:
            raise BlobUploadUnknown
        if call.query.get("_state") != _state(upload) and not (self.forgiving and call.method == "GET"):
            raise BlobUploadUnknown
        return upload

    def _break(self, call: Call, upload: Upload) -> None:
        """Lose the line in the middle of what comes up, if that is to happen."""
        if self.upload_cuts and call.body:
            upload.content += call.body[: self.upload_cuts.pop(0)]
            raise LineCut

    def _get_upload(self, call: Call) -> Reply:
        self._upload(call)
        return self._progress(204, call.reference)

    def _patch_upload(self, call: Call) -> Reply:
        upload = self._upload(call)
        _check_order(call, upload)
        self._break(call, upload)
        upload.content += call.body
        return self._progress(202, call.reference)

    def _put_upload(self, call: Call) -> Reply:
        upload = self._upload(call)
        _check_order(call, upload)
        self._break(call, upload)
        reply = self._store(call.name, call.query.get("digest", ""), bytes(upload.content) + call.body)
        del self.uploads[call.reference]
        return reply

    def _delete_upload(self, call: Call) -> Reply:
        self._upload(call)
        del self.uploads[call.reference]
        return Reply(204)

    def _progress(self, status: int, identity: str) -> Reply:
        upload = self.uploads[identity]
        query = urlencode({"_state": _state(upload)})
        headers = {
            "Location": f"/v2/{upload.repository}/blobs/uploads/{identity}?{query}",
            "Docker-Upload-UUID": identity,
            "Range": f"0-{max(len(upload.content) - 1, 0)}",
        }
        return Reply(status, headers)

    def _store(self, name: str, digest: str, payload: bytes) -> Reply:
        wanted = Digest.parse(digest)
        if Digest.of(payload, wanted.algorithm) != wanted:
            raise DigestInvalid(detail={"digest": digest})
        canonical = Digest.of(payload)
        self.aliases[wanted] = canonical
        self.content[canonical] = payload
        return self._link(name, canonical)

    def _canonical(self, text: str) -> Digest:
        """Blobs are stored, and answered, under their SHA-256, by whatever digest they came."""
        digest = Digest.parse(text)
        return self.aliases.get(digest, digest)

    def _link(self, name: str, digest: Digest) -> Reply:
        self.repositories.setdefault(name, Repository()).blobs.add(digest)
        return Reply(201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": str(digest)})

    # Manifests

    def _find(self, call: Call) -> tuple[Digest, str, bytes]:
        repository = self.repositories.get(call.name, Repository())
        reference = parse_reference(call.reference)
        digest = reference if isinstance(reference, Digest) else repository.tags.get(reference)
        if digest is None or digest not in repository.manifests:
            raise ManifestUnknown(detail={"reference": call.reference})
        return digest, *repository.manifests[digest]

    def _get_manifest(self, call: Call) -> Reply:
        digest, media_type, payload = self._find(call)
        return Reply(200, {"Content-Type": media_type, "Docker-Content-Digest": str(digest)}, payload)

    def _put_manifest(self, call: Call) -> Reply:
        reference = parse_reference(call.reference)
        digest = Digest.of(call.body, reference.algorithm if isinstance(reference, Digest) else "sha256")
        if isinstance(reference, Digest) and reference != digest:
            raise DigestInvalid
        parsed = manifest.parse(call.body, call.headers.get("content-type", ""))
        repository = self.repositories.setdefault(call.name, Repository())
        for descriptor in (*parsed.blobs, *parsed.children):
            digests = {descriptor.digest, self._canonical(str(descriptor.digest))}
            if digests.isdisjoint(repository.blobs) and digests.isdisjoint(repository.manifests):
                raise ManifestBlobUnknown(detail=str(descriptor.digest))
        repository.manifests[digest] = parsed.media_type, call.body
        if isinstance(reference, str):
            repository.tags[reference] = digest
        headers = {"Location": f"/v2/{call.name}/manifests/{digest}", "Docker-Content-Digest": str(digest)}
        return Reply(201, headers | ({"OCI-Subject": str(parsed.subject.digest)} if parsed.subject else {}))

    def _delete_manifest(self, call: Call) -> Reply:
        digest, _, _ = self._find(call)
        repository = self.repositories[call.name]
        if ":" in call.reference:
            del repository.manifests[digest]
        repository.tags = {
            tag: target
            for tag, target in repository.tags.items()
            if tag != call.reference and target in repository.manifests
        }
        return Reply(202)

    def _get_referrers(self, call: Call) -> Reply:
        if not self.has_referrers:
            return _NOT_FOUND
        subject = Digest.parse(call.reference)
        wanted = call.query.get("artifactType")
        stored = self.repositories.get(call.name, Repository()).manifests
        referrers = [
            _as_referrer(digest, payload, parsed)
            for digest, (media_type, payload) in stored.items()
            if (parsed := manifest.parse(payload, media_type)).subject is not None
            and parsed.subject.digest == subject
            and wanted in {None, parsed.artifact_type}
        ]
        index = {"schemaVersion": 2, "mediaType": manifest.OCI_INDEX, "manifests": referrers}
        applied = {"OCI-Filters-Applied": "artifactType"} if wanted is not None else {}
        return Reply(200, {"Content-Type": manifest.OCI_INDEX, **applied}, json.dumps(index).encode())

    # Lists

    def _get_catalog(self, call: Call) -> Reply:
        names, headers = _page(call, self.repositories)
        return Reply(200, _JSON | headers, json.dumps({"repositories": names}).encode())

    def _get_tags(self, call: Call) -> Reply:
        tags, headers = _page(call, self._repository(call).tags)
        return Reply(200, _JSON | headers, json.dumps({"name": call.name, "tags": tags}).encode())


def _faulty(fault: int | Reply) -> Reply | None:
    if isinstance(fault, int):
        return None if fault == DROP else Reply(fault, _JSON, as_json(Unavailable()))
    return fault


def _verb(method: str) -> str:
    return "get" if method == "HEAD" else method.lower()


def _state(upload: Upload) -> str:
    """As Distribution's: a signature of 32 bytes, then JSON."""
    return base64.urlsafe_b64encode(bytes(32) + json.dumps({"Offset": len(upload.content)}).encode()).decode()


def _check_order(call: Call, upload: Upload) -> None:
    given = call.headers.get("content-range")
    if given is not None and given.partition("-")[0] != str(len(upload.content)):
        raise RangeInvalid


def _ranged(call: Call, payload: bytes, headers: dict[str, str]) -> Reply:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", call.headers.get("range", ""))
    if found is None:
        return Reply(200, headers, payload)
    first, last = int(found[1]), min(int(found[2] or len(payload)), len(payload) - 1)
    if first >= len(payload) or last < first:
        return Reply(416, {"Content-Range": f"bytes */{len(payload)}"})
    return Reply(206, headers | {"Content-Range": f"bytes {first}-{last}/{len(payload)}"}, payload[first : last + 1])


def _page(call: Call, names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    count = call.query.get("n", "")
    if count and not count.isdigit():
        raise PaginationNumberInvalid
    after = [name for name in sorted(names) if name > call.query.get("last", "")]
    page = after[: int(count)] if count else after
    if len(page) == len(after) or not page:
        return page, {}
    query = urlencode({"n": count, "last": page[-1]})
    return page, {"Link": f'<{call.path}?{query}>; rel="next"'}


def _as_referrer(digest: Digest, payload: bytes, parsed: manifest.Manifest) -> dict[str, object]:
    return {
        "mediaType": parsed.media_type,
        "digest": str(digest),
        "size": len(payload),
        "artifactType": parsed.artifact_type,
        "annotations": parsed.annotations,
    }
