"""Labels put on artifacts while either goes away."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from artifacts import labelling, manifests
from artifacts.models import ArtifactLabel, Manifest, Repository
from oci.digest import Digest
from oci.errors import ManifestUnknown
from projects import labels
from projects.errors import LabelUnknown, ProjectUnknown
from projects.models import Label, Project
from rbac.actors import SYSTEM
from tests.people import CONTEXT, make_project

pytestmark = pytest.mark.django_db(transaction=True)

BY: dict[str, Any] = {"actor": SYSTEM, "context": CONTEXT}


@pytest.fixture
def artifact(db) -> Manifest:
    repository = Repository.objects.create(name="team/app", project=make_project("team"))
    return Manifest.objects.create(
        repository=repository, digest=f"sha256:{'a' * 64}", media_type="x", payload=b"", size=0
    )


def beside(deed: Callable[[], object]) -> Callable[[], BaseException | None]:
    """Start `deed` in a thread with a connection of its own; the answer waits for its end and tells what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            deed()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()

    def ended() -> BaseException | None:
        thread.join(20)
        assert not thread.is_alive()
        return raised[0] if raised else None

    return ended


def test_a_label_that_is_being_deleted_is_not_put_on(artifact):
    label = labels.create(labels.Text("x"), project=artifact.repository.project, **BY)
    with transaction.atomic():
        labels.delete(label, **BY)
        put = beside(lambda: labelling.put_on(artifact.repository, artifact.digest, label.pk, **BY))
        _wait_for_a_lock()
    assert isinstance(put(), LabelUnknown)
    assert not ArtifactLabel.objects.exists()


def test_a_label_that_was_just_put_on_goes_with_its_deletion(artifact):
    label = labels.create(labels.Text("x"), project=None, **BY)
    with transaction.atomic():
        labelling.put_on(artifact.repository, artifact.digest, label.pk, **BY)
        delete = beside(lambda: labels.delete(label, **BY))
        _wait_for_a_lock()
    assert delete() is None
    assert not ArtifactLabel.objects.exists()
    assert not Label.objects.exists()


def test_a_label_is_not_put_on_what_is_being_deleted(artifact, upstream):
    label = labels.create(labels.Text("x"), project=None, **BY)
    with transaction.atomic():
        manifests._delete_rows("team/app", [artifact], **BY, detail={})
        put = beside(lambda: labelling.put_on(artifact.repository, artifact.digest, label.pk, **BY))
        _wait_for_a_lock()
    assert isinstance(put(), ManifestUnknown)


def test_a_labelled_manifest_can_be_deleted(artifact, upstream):
    label = labels.create(labels.Text("x"), project=None, **BY)
    labelling.put_on(artifact.repository, artifact.digest, label.pk, **BY)
    manifests.delete("team/app", Digest.parse(artifact.digest), **BY)
    assert not ArtifactLabel.objects.exists()
    assert Label.objects.exists()


def test_a_project_that_is_being_deleted_gets_no_label(db):
    project = make_project("team")
    with transaction.atomic():
        Project.objects.filter(pk=project.pk).delete()
        create = beside(lambda: labels.create(labels.Text("x"), project=project, **BY))
        _wait_for_a_lock()
    assert isinstance(create(), ProjectUnknown)


def _wait_for_a_lock() -> None:
    """Until somebody waits for what this transaction holds."""
    for _ in range(400):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.02)")
    pytest.fail("nobody waits")
