"""Content the journeys push: layers, configs, manifests and indexes, each byte made here."""

import base64
import gzip
import io
import json
import os
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.flows.wire import digest_of

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_LAYER_FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar"
OCI_LAYER_FOREIGN_GZIP = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCTETS = "application/octet-stream"
ACCEPT = ", ".join([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST])

Descriptor = dict[str, Any]


@dataclass(frozen=True)
class PushedManifest:
    digest: str
    media_type: str
    payload: bytes

    @property
    def descriptor(self) -> Descriptor:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.payload)}


@dataclass
class Content:
    """A set of blobs and manifests, the manifests in the order in which they can be pushed."""

    algorithm: str = "sha256"
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: list[PushedManifest] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def top(self) -> PushedManifest:
        return self.manifests[-1]

    def manifest(self, digest: str) -> PushedManifest:
        return next(each for each in self.manifests if each.digest == digest)

    def tag(self, name: str, manifest: PushedManifest | None = None) -> "Content":
        self.tags[name] = (manifest or self.top).digest
        return self

    def add_blob(self, payload: bytes, media_type: str = OCTETS, *, inline: bool = False) -> Descriptor:
        digest = digest_of(payload, self.algorithm)
        self.blobs[digest] = payload
        descriptor: Descriptor = {"mediaType": media_type, "digest": digest, "size": len(payload)}
        return descriptor | ({"data": base64.b64encode(payload).decode()} if inline else {})

    def add_layer(self, *, compressed: bool = True, size: int = 64, inline: bool = False) -> tuple[Descriptor, str]:
        """A tar layer with one random file: its descriptor and its diff id."""
        archive = layer_tar({f"data/{os.urandom(4).hex()}": os.urandom(size)})
        payload = gzip.compress(archive, mtime=0) if compressed else archive
        media_type = OCI_LAYER_GZIP if compressed else OCI_LAYER
        return self.add_blob(payload, media_type, inline=inline), digest_of(archive)

    def add_manifest(self, document: dict[str, Any]) -> PushedManifest:
        payload = json.dumps(document, indent=1).encode()
        made = PushedManifest(digest_of(payload, self.algorithm), document["mediaType"], payload)
        self.manifests.append(made)
        return made

    def add_image(
        self,
        *,
        layers: int = 2,
        architecture: str = "amd64",
        compressed: bool = True,
        inline: bool = False,
        size: int = 64,
        extra: dict[str, Any] | None = None,
    ) -> PushedManifest:
        """An image of `layers` layers; `extra` joins the config and the manifest as further fields."""
        made = [self.add_layer(compressed=compressed, inline=inline, size=size) for _ in range(layers)]
        config = image_config([diff_id for _, diff_id in made], architecture)
        unknown = {"org.example.unknown": (extra or {}).get("org.example.unknown")} if extra else {}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.add_blob(json.dumps(config | unknown).encode(), OCI_CONFIG, inline=inline),
            "layers": [descriptor for descriptor, _ in made],
        }
        return self.add_manifest(document | (extra or {}))

    def add_artifact(self, artifact_type: str, *, layer: bytes | None = None, **fields: Any) -> PushedManifest:
        """An artifact as the image specification's guidance draws it: an empty config and one layer of any kind."""
        empty = layer == b"{}"
        payload = os.urandom(512) if layer is None else layer
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": self.add_blob(b"{}", OCI_EMPTY),
            "layers": [self.add_blob(payload, OCI_EMPTY if empty else artifact_type)],
        }
        return self.add_manifest(document | fields)

    def add_index(self, children: list[PushedManifest], **fields: Any) -> PushedManifest:
        platforms = [{"os": "linux", "architecture": name} for name in ("amd64", "arm64", "s390x", "ppc64le")]
        entries = [
            child.descriptor | ({"platform": platforms[place % 4]} if child.media_type == OCI_MANIFEST else {})
            for place, child in enumerate(children)
        ]
        return self.add_manifest({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries} | fields)


def image_config(diff_ids: list[str], architecture: str = "amd64") -> dict[str, Any]:
    return {
        "created": "2024-01-01T00:00:00Z",
        "architecture": architecture,
        "os": "linux",
        "config": {"Labels": {"nonce": os.urandom(8).hex()}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }


def layer_tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, payload in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(payload), 0o755
            archive.addfile(member, io.BytesIO(payload))
    return buffer.getvalue()


def image(*, layers: int = 2, size: int = 64) -> Content:
    """One small random image, tagged `latest`."""
    content = Content()
    content.add_image(layers=layers, size=size)
    return content.tag("latest")


def write_layout(content: Content, directory: Path) -> Path:
    """Write `content` as an OCI image layout, its tags as reference names."""
    for digest, payload in content.blobs.items() | {(each.digest, each.payload) for each in content.manifests}:
        algorithm, _, encoded = digest.partition(":")
        target = directory / "blobs" / algorithm / encoded
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(payload)
    entries = [
        content.manifest(digest).descriptor | {"annotations": {"org.opencontainers.image.ref.name": tag}}
        for tag, digest in content.tags.items()
    ]
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return directory
