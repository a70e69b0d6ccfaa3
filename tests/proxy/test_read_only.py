"""Read-only mode: what is there is pulled, and nothing is changed."""

import pytest

from configuration import actions, values
from tests.door import error_of, image
from tests.people import CONTEXT
from tests.proxy.test_uploads import begin, gate

pytestmark = pytest.mark.django_db


def set_read_only(on):
    actions.update({"read_only": on}, actor="admin", context=CONTEXT)
    values.forget()


def test_nothing_is_pushed_nor_deleted_and_all_is_pulled(door):
    content = door.push(image(tag="v1"))
    (manifest,) = content.manifests
    location = begin(door)
    set_read_only(True)

    assert error_of(door.post("blobs/uploads/")) == (403, "DENIED")
    assert error_of(door.put_manifest(manifest, "v2")) == (403, "DENIED")
    assert error_of(door.delete(f"manifests/{manifest.digest}")) == (403, "DENIED")
    assert error_of(door.delete("manifests/v1")) == (403, "DENIED")
    assert gate(door, "PATCH", location).status_code == 403
    assert door.get("manifests/v1").status_code == 200

    set_read_only(False)

    assert gate(door, "PATCH", location).status_code == 204
    assert door.put_manifest(manifest, "v2").status_code == 201
    assert door.delete("manifests/v1").status_code == 202
