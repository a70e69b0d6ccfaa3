"""Limits as people write them, figures as people read them, and the quota a project is born with."""

import pytest

from audit.models import AuditRecord
from configuration import actions as configuration
from configuration import values
from projects import actions, quotas
from projects.errors import InvalidQuota, QuotaUnknown
from projects.models import Project, Quota
from rbac.actors import SYSTEM
from tests.people import CONTEXT, make_project

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("1000000", 1_000_000),
        ("10GiB", 10 * GIB),
        ("10 GiB", 10 * GIB),
        ("10gb", 10 * GIB),
        ("10G", 10 * GIB),
        ("1.5T", 1536 * GIB),
        ("0.001K", 1),
        ("7B", 7),
        ("-1", -1),
        ("unlimited", -1),
        (str(2**63 - 1), 2**63 - 1),
    ],
)
def test_a_limit_is_read(text, size):
    assert quotas.parse(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-2",
        "ten",
        "1.5.5G",
        "10iB",
        "1e9",
        "8E",
        "9" * 40,
        "1_000",
        "\x00",
        "\uff11",
        "10GiB5",
        "0.1",
        "-1G",
        "G",
    ],
)
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(InvalidQuota):
        quotas.parse(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (5_452_595, "5.2 MiB"),
        (100 * 1024**2, "100.0 MiB"),
        (2**63 - 1, "8.0 EiB"),
        (-2048, "-2.0 KiB"),
    ],
)
def test_sizes_are_said_for_people(size, text):
    assert quotas.words(size) == text


def create(name: str = "team", **fields) -> Project:
    return actions.create(name, owner=None, actor=SYSTEM, context=CONTEXT, **fields)


def test_a_new_project_may_hold_what_the_configuration_says(db):
    assert create("one").quota.hard == -1
    configuration.update({"storage_per_project": 5 * GIB}, actor="admin", context=CONTEXT)
    values.forget()
    assert create("two").quota.hard == 5 * GIB
    assert create("three", storage_limit=-1).quota.hard == -1
    assert create("four", storage_limit=7).quota.hard == 7
    records = AuditRecord.objects.filter(resource_type="project").order_by("at", "id")
    assert [record.detail.get("storage_limit") for record in records] == [None, 5 * GIB, None, 7]


@pytest.mark.parametrize("hard", [0, -2, 2**63])
def test_a_limit_that_cannot_be_makes_no_project(db, hard):
    with pytest.raises(InvalidQuota):
        create(storage_limit=hard)
    assert not Project.objects.exists()


def test_a_quota_that_is_gone_can_not_be_set(db):
    project = make_project()
    quota = Quota.objects.get()
    actions.delete(project, actor=SYSTEM, context=CONTEXT)
    with pytest.raises(QuotaUnknown):
        quotas.set_limit(quota, 5, actor=SYSTEM, context=CONTEXT)
    with pytest.raises(QuotaUnknown):
        quotas.find(quota.pk)


def test_figures_are_of_a_project_that_is_there(db):
    project = make_project()
    assert quotas.figures("team") == quotas.figures(project.pk) == quotas.Figures(project.pk, -1, 0)
    assert quotas.figures("nowhere") is None
