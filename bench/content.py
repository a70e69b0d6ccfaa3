"""Content to move: blobs of random bytes in files, and an image made of them."""

import gzip
import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
IMAGE_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Blob:
    """A blob in a file. The media type is what a manifest calls it."""

    path: Path
    digest: str
    size: int
    media_type: str = LAYER_TYPE

    @property
    def descriptor(self) -> dict[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Image:
    """A manifest and the blobs it names."""

    payload: bytes
    blobs: tuple[Blob, ...]
    media_type: str = IMAGE_TYPE

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.payload).hexdigest()}"


def random_blob(path: Path, size: int, *, seed: int) -> Blob:
    """`size` bytes that do not compress, the same for the same seed."""
    source, left, seen = random.Random(seed), size, hashlib.sha256()
    with path.open("wb") as file:
        while left:
            piece = source.randbytes(min(left, 8 * MIB))
            seen.update(piece)
            left -= file.write(piece)
    return Blob(path, f"sha256:{seen.hexdigest()}", size)


def layer(path: Path, size: int, *, seed: int) -> Blob:
    """About `size` bytes as a true gzip stream, which skopeo takes over as it is."""
    source, left = random.Random(seed), size
    with gzip.GzipFile(path, "wb", compresslevel=0, mtime=0) as file:
        while left:
            left -= file.write(source.randbytes(min(left, 8 * MIB)))
    with path.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return Blob(path, f"sha256:{digest}", path.stat().st_size)


def renew(blob: Blob, *, mark: int) -> Blob:
    """The same file with other first bytes, so that a registry cannot know it yet."""
    with blob.path.open("r+b") as file:
        file.write(mark.to_bytes(16, "big"))
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Blob(blob.path, f"sha256:{digest}", blob.size, blob.media_type)


def image(directory: Path, *, layers: int, layer_size: int, seed: int) -> Image:
    """An OCI image of random layers; the config names as many diff ids, none of which is true."""
    directory.mkdir(parents=True, exist_ok=True)
    blobs = [random_blob(directory / f"layer{n}", layer_size, seed=seed + n) for n in range(layers)]
    return image_of(directory / "config", blobs)


def image_of(config_path: Path, layers: list[Blob], **annotations: str) -> Image:
    """An OCI image of these layers, whose config goes to a file of its own."""
    config = _config(config_path, layers)
    manifest = {
        "schemaVersion": 2,
        "mediaType": IMAGE_TYPE,
        "config": config.descriptor,
        "layers": [blob.descriptor for blob in layers],
    }
    return Image(
        json.dumps(manifest | ({"annotations": annotations} if annotations else {})).encode(), (config, *layers)
    )


def _config(path: Path, layers: list[Blob]) -> Blob:
    rootfs = {"type": "layers", "diff_ids": [layer.digest for layer in layers]}
    payload = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
    path.write_bytes(payload)
    return Blob(path, f"sha256:{hashlib.sha256(payload).hexdigest()}", len(payload), CONFIG_TYPE)
