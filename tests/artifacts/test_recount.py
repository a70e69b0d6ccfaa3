"""Comparing what is counted with what the manifests name, and setting it right: manage.py quotas."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from artifacts import recount
from artifacts.models import ManifestBlob, ProjectBlob
from audit.models import AuditRecord
from projects import quotas
from projects.models import Quota, UsageChange
from tests.artifacts.counting import assert_no_differences, assert_right, limit, used
from tests.artifacts.test_concurrency import at_once
from tests.door import Door, image, unique
from tests.people import make_project

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> tuple[int, list[str]]:
    """The command's exit status and its lines."""
    output, status = io.StringIO(), 0
    try:
        call_command("quotas", *arguments, stdout=output)
    except CommandError as error:
        status = error.returncode
    return status, output.getvalue().splitlines()


def execute(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.fixture
def filled(door: Door) -> Door:
    for _ in range(2):
        door.push(image())
    return door


def a_counted() -> ProjectBlob:
    found = ProjectBlob.objects.order_by("pk").first()
    assert found is not None
    return found


def test_nothing_differs_where_nothing_was_tampered_with(filled):
    assert run("--check") == (0, ["0 differences, 0 mended"])
    quotas.fold()
    assert run("--check") == (0, ["0 differences, 0 mended"])


def uncount() -> str:
    row = a_counted()
    row.delete()
    return row.digest


def count_too_much() -> str:
    ProjectBlob.objects.create(project=a_counted().project, digest="sha256:" + "a" * 64, size=5)
    return "sha256:" + "a" * 64


def missize() -> str:
    row = a_counted()
    ProjectBlob.objects.filter(pk=row.pk).update(size=row.size + 7)
    return row.digest


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        (uncount, recount.Kind.UNCOUNTED),
        (count_too_much, recount.Kind.UNNEEDED),
        (missize, recount.Kind.WRONG_SIZE),
    ],
)
def test_it_names_each_content_that_is_counted_wrongly_and_counts_anew(filled, project, tamper, kind):
    right = used(project)
    digest = tamper()
    status, lines = run("--check")
    assert status == 1
    assert [line for line in lines if digest in line and kind in line]
    assert [line for line in lines if recount.Kind.WRONG_TOTAL in line]
    assert lines[-1] == "2 differences, 0 mended"
    assert run("--repair") == (0, [*lines[:-1], "2 differences, 2 mended"])
    assert_no_differences()
    assert used(project) == right
    assert_right(project)


def test_a_figure_that_is_wrong_is_set_right_whatever_waits_to_be_folded(filled, project):
    right = used(project)
    Quota.objects.update(used=99999)
    assert run("--check", "--project", "library")[0] == 1
    assert run("--repair")[0] == 0
    assert UsageChange.objects.exists()
    assert used(project) == right
    quotas.fold()
    assert used(project) == right


def test_lost_changes_are_noticed(filled, project):
    right = used(project)
    UsageChange.objects.all().delete()
    status, lines = run("--check")
    assert (status, lines[-1]) == (1, "1 differences, 0 mended")
    assert run("--repair")[0] == 0
    assert used(project) == right


def test_mentions_under_another_project_are_put_back(filled, project):
    ManifestBlob.objects.update(project=make_project(unique()))
    assert [line for line in run("--check")[1] if recount.Kind.WRONG_PLACE in line]
    assert run("--repair")[0] == 0
    assert_no_differences()
    assert set(ManifestBlob.objects.values_list("project", flat=True)) == {project.pk}


def test_a_project_without_a_quota_gets_one_without_a_limit(filled, project):
    Quota.objects.all().delete()
    assert [line for line in run("--check")[1] if recount.Kind.NO_QUOTA in line]
    assert run("--repair")[0] == 0
    assert Quota.objects.get().hard == quotas.UNLIMITED
    assert_right(project)


def test_what_is_counted_for_no_project_is_removed(filled, project):
    ProjectBlob.objects.create(project_id=10**9, digest="sha256:" + "a" * 64, size=5)
    UsageChange.objects.create(project_id=10**9, bytes=5)
    status, lines = run("--check")
    assert (status, len(lines)) == (1, 2)
    assert "project 1000000000" in lines[0]
    assert run("--repair")[0] == 0
    assert_no_differences()


def test_one_project_can_be_looked_at_alone(filled):
    elsewhere = make_project(unique())
    Door(f"{elsewhere.name}/app").push(image())
    execute("DELETE FROM artifacts_projectblob WHERE project_id = %s", elsewhere.pk)
    assert run("--check", "--project", "library")[0] == 0
    assert run("--check", "--project", elsewhere.name)[0] == 1
    assert run("--repair", "--project", elsewhere.name)[0] == 0
    assert run("--check")[0] == 0
    assert run("--check", "--project", "nowhere")[0] == 1


@pytest.mark.parametrize("attempt", range(4))
def test_it_can_be_repaired_while_others_push_and_delete(filled, project, attempt):
    gone = image()
    filled.push(gone)
    fresh = image(tag=None)
    for payload in fresh.blobs.values():
        filled.push_blob(payload)
    ProjectBlob.objects.all().delete()
    Quota.objects.update(used=5)

    at_once(
        lambda: recount.repair(project),
        lambda: filled.delete(f"manifests/{gone.top.digest}"),
        lambda: filled.put_manifest(fresh.top),
        quotas.fold,
    )
    assert_no_differences()
    assert_right(project)


def test_the_list_shows_what_is_used_most_used_first_and_who_is_nearly_full(filled, project):
    limit(project, max(used(project) * 100 // 86, 1))
    empty = make_project(unique())
    limit(empty, 10 * 1024**3)
    make_project("open")
    assert run()[1] == [
        f"library\t{quotas.words(used(project))} of {quotas.words(Quota.objects.get(project=project).hard)}"
        "\t86 %\tnearly full",
        "open\t0 B of unlimited",
        f"{empty.name}\t0 B of 10.0 GiB\t0 %",
    ]
    assert run("--project", "open")[1] == ["open\t0 B of unlimited"]


def test_a_limit_is_set_and_recorded():
    project = make_project("team")
    assert run("set", "team", "1.5GiB") == (0, ["team: 1.5 GiB"])
    assert Quota.objects.get(project=project).hard == 3 * 1024**3 // 2
    record = AuditRecord.objects.get()
    assert (record.operation, record.resource_type, record.resource, record.project, record.actor) == (
        "update", "quota", "team", "team", "system",
    )  # fmt: skip
    assert record.detail == {"hard": {"storage": 3 * 1024**3 // 2}, "before": {"storage": -1}}
    assert run("set", "team", "unlimited") == (0, ["team: unlimited"])
    assert run("set", "team", "0")[0] == run("set", "nowhere", "5")[0] == run("set", "team", "x")[0] == 1
    assert Quota.objects.get(project=project).hard == -1
