"""What kind of thing an artifact is, by its media types: Harbor's words for them."""

import re

from oci.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX

IMAGE, CHART, MODEL, UNKNOWN = "IMAGE", "CHART", "CNAI", "UNKNOWN"
_KINDS = {
    "application/vnd.oci.image.config.v1+json": IMAGE,
    "application/vnd.docker.container.image.v1+json": IMAGE,
    "application/vnd.cncf.helm.config.v1+json": CHART,
    "application/vnd.cncf.model.config.v1+json": MODEL,
    "application/vnd.cnai.model.config.v1+json": MODEL,  # the name before the specification was CNCF's
    "application/vnd.wasm.config.v1+json": "WASM",
    "application/vnd.cnab.manifest.v1": "CNAB",
}
_CONFIG = re.compile(r"application/vnd\.[^.]*\.([^+]*)\.config\.[^.]*")
_ACCESSORIES = {
    "application/vnd.dev.cosign.artifact.sig.v1+json": "signature.cosign",
    "application/vnd.dev.sigstore.bundle.v0.3+json": "signature.cosign",
    "application/vnd.cncf.notary.signature": "signature.notation",
    "application/vnd.dev.nydus.image.config.v1+json": "accelerator.nydus",
    "application/vnd.goharbor.harbor.sbom.v1": "sbom.harbor",
}


def kind_of(media_type: str, artifact_type: str) -> str:
    """The kind of a manifest of `media_type` whose artifact type (or else its config's media type) is the other."""
    if media_type in {OCI_INDEX, DOCKER_LIST} and not artifact_type:
        return IMAGE
    if media_type == DOCKER_MANIFEST and not artifact_type:
        return IMAGE
    if artifact_type in _KINDS:
        return _KINDS[artifact_type]
    found = _CONFIG.match(artifact_type)
    return found[1].upper() if found else UNKNOWN


def accessory_of(artifact_type: str) -> str:
    """What a manifest with a subject is to that subject."""
    return _ACCESSORIES.get(artifact_type, "subject.accessory")
