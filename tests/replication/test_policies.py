"""Policies: what they may say, how repositories are called at the destination, and their making, changing and end."""

import pytest

from audit.models import AuditRecord
from oci.errors import NameInvalid
from rbac.actors import SYSTEM
from replication import history, policies
from replication.errors import InvalidPolicy, PolicyExists, PolicyInUse, PolicyUnknown
from replication.models import Endpoint, Execution, LogLine, Policy, State, Task
from replication.policies import Content, destination_of, renamed

from audit import Context  # isort: skip


@pytest.mark.parametrize(
    ("repository", "namespace", "flatten", "there"),
    [
        ("a/b/c/image", "", -1, "a/b/c/image"),
        ("a/b/c/image", "", 3, "a/b/c/image"),
        ("a/b/c/image", "n", -1, "n/image"),
        ("a/b/c/image", "n", 0, "n/a/b/c/image"),
        ("a/b/c/image", "n", 1, "n/b/c/image"),
        ("a/b/c/image", "n", 2, "n/c/image"),
        ("a/b/c/image", "n", 3, "n/image"),
        ("a/image", "n/m", 1, "n/m/image"),
        ("image", "n", 0, "n/image"),
        ("image", "n", -1, "n/image"),
    ],
)
def test_a_repository_is_called_by_namespace_and_levels(repository, namespace, flatten, there):
    assert renamed(repository, namespace, flatten) == there
    assert destination_of(Policy(namespace=namespace, flatten=flatten), repository) == there


@pytest.mark.parametrize(
    ("repository", "namespace", "flatten"),
    [("a/b/c/image", "n", 4), ("image", "n", 1), ("a/" + "b" * 200, "n" * 100, 0)],
)
def test_more_levels_than_there_are_and_names_too_long_are_refused(repository, namespace, flatten):
    with pytest.raises(NameInvalid):
        renamed(repository, namespace, flatten)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": " "},
        {"name": "a\nb"},
        {"name": "x" * 300},
        {"source_id": None, "destination_id": None},
        {"source_id": 1, "destination_id": 2},
        {"namespace": "/a"},
        {"namespace": "A"},
        {"namespace": "a//b"},
        {"namespace": "a/"},
        {"namespace": "a" * 300},
        {"flatten": -2},
        {"flatten": 128},
        {"speed": -2},
        {"speed": 2**31},
        {"trigger": "sometimes"},
        {"trigger": "scheduled"},
        {"trigger": "scheduled", "cron": "* * * * *"},
        {"trigger": "event_based", "source_id": 1, "destination_id": None},
        {"filters": [{"type": "tag", "value": "["}]},
        {"description": "x" * 5000},
    ],
)
def test_it_refuses_what_can_be_no_policy(fields):
    with pytest.raises(InvalidPolicy):
        Content(**{"name": "p", "destination_id": 1, **fields})


# With rows

db = pytest.mark.django_db


@pytest.fixture
def endpoint():
    return Endpoint.objects.create(name="b", kind="docker-registry", url="http://b.example")


def make(endpoint, name="p", **fields):
    return policies.create(Content(name, destination_id=endpoint.pk, **fields), actor=SYSTEM, context=Context())


@db
def test_a_policy_is_kept_as_it_was_given(endpoint):
    filters = [{"type": "label", "value": ["qa"], "decoration": "excludes"}]
    made = make(endpoint, filters=filters, trigger="scheduled", cron="0 0 3 * * *", speed=100, flatten=2, namespace="n")
    found = policies.find(made.pk)
    assert (found.filters, found.cron, found.speed, found.flatten, found.namespace) == (
        filters, "0 0 3 * * *", 100, 2, "n"
    )  # fmt: skip
    assert found.destination == endpoint
    assert AuditRecord.objects.get(resource_type="replication-policy").operation == "create"


@db
def test_names_are_given_once(endpoint):
    make(endpoint)
    with pytest.raises(PolicyExists):
        make(endpoint)


@db
def test_a_registry_that_is_not_there_is_refused():
    with pytest.raises(InvalidPolicy, match="no registry 999"):
        policies.create(Content("p", source_id=999), actor=SYSTEM, context=Context())


@db
def test_labels_that_nobody_tells_choose_nothing_and_are_refused():
    plain = Endpoint.objects.create(name="plain", kind="docker-registry", url="http://plain.example")
    wanted = {"type": "label", "value": ["qa"]}
    with pytest.raises(InvalidPolicy, match=r"plain \(docker-registry\) tells no labels"):
        policies.create(Content("p", source_id=plain.pk, filters=[wanted]), actor=SYSTEM, context=Context())
    excluded = {**wanted, "decoration": "excludes"}
    policies.create(Content("p", source_id=plain.pk, filters=[excluded]), actor=SYSTEM, context=Context())
    policies.create(Content("q", destination_id=plain.pk, filters=[wanted]), actor=SYSTEM, context=Context())


@db
def test_a_change_replaces_all_and_the_record_names_what(endpoint):
    policy = make(endpoint, description="old", enabled=False)
    policies.update(policy.pk, Content("p", source_id=endpoint.pk, description="new"), actor=SYSTEM, context=Context())
    found = policies.find(policy.pk)
    assert (found.source, found.destination, found.description, found.enabled) == (endpoint, None, "new", True)
    record = AuditRecord.objects.get(operation="update")
    assert record.detail["changed"] == ["description", "destination_id", "enabled", "source_id"]


@db
def test_a_policy_that_is_carried_out_stays(endpoint):
    policy = make(endpoint)
    execution = Execution.objects.create(policy=policy, trigger="manual")
    with pytest.raises(PolicyInUse):
        policies.delete(policy.pk, actor=SYSTEM, context=Context())
    assert policies.find(policy.pk).enabled
    Execution.objects.filter(pk=execution.pk).update(state=State.SUCCEED, ended_at=policy.created_at)
    policies.delete(policy.pk, actor=SYSTEM, context=Context())
    with pytest.raises(PolicyUnknown):
        policies.find(policy.pk)


@db
def test_a_policy_goes_with_its_history_in_batches(endpoint, monkeypatch):
    monkeypatch.setattr(history, "_BATCH", 2)
    monkeypatch.setattr(history, "_SOME", 1)
    policy, other = make(endpoint), make(endpoint, "other")
    for owner in (policy, policy, other):
        execution = Execution.objects.create(
            policy=owner, trigger="manual", state=State.FAILED, ended_at=owner.created_at
        )
        for number in range(5):
            task = Task.objects.create(execution=execution, source="a/b", destination="a/b", reference=f"{number}")
            LogLine.objects.create(task=task, text="done")
    policies.delete(policy.pk, actor=SYSTEM, context=Context())
    assert (Execution.objects.count(), Task.objects.count(), LogLine.objects.count()) == (1, 5, 5)


@pytest.mark.django_db
def test_a_policy_is_switched_off_and_on_and_keeps_all_else(endpoint):
    policy = make(endpoint, trigger="scheduled", cron="0 0 2 * * *", enabled=True)
    for enabled in (False, False, True):
        policies.switch(policy.pk, enabled=enabled, actor=SYSTEM, context=Context())
        policy.refresh_from_db()
        assert (policy.enabled, policy.cron) == (enabled, "0 0 2 * * *")
    changes = AuditRecord.objects.filter(operation="update", resource_type="replication-policy").order_by("id")
    assert [row.detail["enabled"] for row in changes] == [False, True]
    with pytest.raises(PolicyUnknown):
        policies.switch(policy.pk + 1, enabled=True, actor=SYSTEM, context=Context())
