"""Harbor's words for kinds of artifacts."""

import pytest

from artifacts.kinds import accessory_of, kind_of
from oci.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST


@pytest.mark.parametrize(
    ("media_type", "artifact_type", "kind"),
    [
        (OCI_MANIFEST, "application/vnd.oci.image.config.v1+json", "IMAGE"),
        (DOCKER_MANIFEST, "application/vnd.docker.container.image.v1+json", "IMAGE"),
        (OCI_INDEX, "", "IMAGE"),
        (DOCKER_LIST, "", "IMAGE"),
        (OCI_MANIFEST, "application/vnd.cncf.helm.config.v1+json", "CHART"),
        (OCI_MANIFEST, "application/vnd.wasm.config.v1+json", "WASM"),
        (OCI_MANIFEST, "application/vnd.acme.rocket.config.v1+json", "ROCKET"),
        (OCI_MANIFEST, "text/plain", "UNKNOWN"),
    ],
)
def test_each_kind_is_told_by_its_media_types(media_type, artifact_type, kind):
    assert kind_of(media_type, artifact_type) == kind


def test_a_signature_is_one_and_anything_else_is_an_accessory():
    assert accessory_of("application/vnd.cncf.notary.signature") == "signature.notation"
    assert accessory_of("text/plain") == "subject.accessory"
