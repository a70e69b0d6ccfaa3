"""Policies: what is replicated, whereto and when. Made and changed here, and what they select and name it there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

import audit
from audit import Context
from oci.errors import NameInvalid
from oci.reference import MAX_NAME, PATH_PATTERN
from rbac.actors import Actor
from replication import adapters, filters, history
from replication.cron import five_fields
from replication.errors import InvalidPolicy, PolicyExists, PolicyInUse, PolicyUnknown
from replication.filters import Filters
from replication.models import Endpoint, Execution, Policy, Trigger

LEGACY = -1  # of `flatten`: all components but the last are replaced
_LONGEST_NAME, _LONGEST_TEXT = 256, 4096
_MOST_FLATTENED = 127  # Harbor's type holds no more
_FASTEST = 2**31 - 1
_NAMESPACE = re.compile(PATH_PATTERN)


@dataclass(frozen=True, slots=True)
class Content:
    """What a policy says; raises InvalidPolicy for what it can't. Of `source_id` and `destination_id` one is None:
    this installation."""

    name: str
    source_id: int | None = None
    destination_id: int | None = None
    description: str = ""
    filters: Sequence[dict[str, Any]] = ()
    namespace: str = ""
    flatten: int = LEGACY
    trigger: str = Trigger.MANUAL
    cron: str = ""
    deletion: bool = False
    override: bool = False
    enabled: bool = True
    speed: int = -1
    by_chunk: bool = False
    single_active: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= _LONGEST_NAME or not self.name.isprintable() or not self.name.strip():
            raise InvalidPolicy(f"a policy's name has 1 to {_LONGEST_NAME} printable characters")
        if len(self.description) > _LONGEST_TEXT or "\x00" in self.description:
            raise InvalidPolicy(f"a policy's description has up to {_LONGEST_TEXT} characters")
        if (self.source_id is None) == (self.destination_id is None):
            raise InvalidPolicy("one of src_registry and dest_registry is a registry elsewhere, the other is left out")
        filters.parse(self.filters)
        check_namespace(self.namespace, self.flatten)
        if not -1 <= self.speed <= _FASTEST:
            raise InvalidPolicy("speed is in KiB a second, or -1 for no limit")
        self._check_trigger()

    def _check_trigger(self) -> None:
        if self.trigger not in Trigger.values:
            raise InvalidPolicy(f"a trigger's type is one of {', '.join(Trigger.values)}")
        if self.trigger == Trigger.EVENT_BASED and self.source_id is not None:
            raise InvalidPolicy("events trigger only what is replicated from here: nobody tells of pushes elsewhere")
        if self.trigger == Trigger.SCHEDULED:
            five_fields(self.cron)


def check_namespace(namespace: str, flatten: int) -> None:
    """InvalidPolicy, unless repositories can be put below it so."""
    if namespace and (len(namespace) > MAX_NAME or not _NAMESPACE.fullmatch(namespace)):
        raise InvalidPolicy(f"the namespace {namespace[:60]!r} is no path of a repository, as team/mirror")
    if not LEGACY <= flatten <= _MOST_FLATTENED:
        raise InvalidPolicy(f"dest_namespace_replace_count is from {LEGACY} to {_MOST_FLATTENED}")


# What a policy selects, and how it is called at the destination


def filters_of(policy: Policy) -> Filters:
    """The policy's filters, parsed."""
    return filters.parse(policy.filters)


def destination_of(policy: Policy, repository: str) -> str:
    """The repository's name at the destination; NameInvalid where the policy's levels are more than it has."""
    return renamed(repository, policy.namespace, policy.flatten)


@lru_cache(maxsize=1024)
def renamed(repository: str, namespace: str, flatten: int) -> str:
    """`repository` with its first `flatten` components replaced by `namespace`; its last one stays always.

    a/b/c/image in n is n/image (-1: all), n/a/b/c/image (0), n/b/c/image (1), n/c/image (2), n/image (3).
    """
    if not namespace:
        return repository
    *path, last = repository.split("/")
    if flatten > len(path):
        raise NameInvalid(
            f"{repository} has {len(path)} components before the last, and the policy replaces {flatten} of them"
        )
    kept = [] if flatten < 0 else path[flatten:]
    name = "/".join([namespace, *kept, last])
    if len(name) > MAX_NAME:
        raise NameInvalid(f"{repository} would be called {name[:60]}… there, longer than {MAX_NAME} characters")
    return name


# Made, changed, deleted


def find(policy_id: int) -> Policy:
    """With its endpoints. PolicyUnknown."""
    policy = Policy.objects.select_related("source", "destination").filter(pk=policy_id).first()
    if policy is None:
        raise PolicyUnknown(f"there is no replication policy {policy_id}")
    return policy


@transaction.atomic
def create(content: Content, *, actor: Actor, context: Context) -> Policy:
    """Raises PolicyExists, and InvalidPolicy for a registry that isn't there."""
    policy = Policy()
    _write(policy, content)
    _record(actor, "create", policy, context)
    return policy


@transaction.atomic
def update(policy_id: int, content: Content, *, actor: Actor, context: Context) -> None:
    """Replace all that the policy says. Raises PolicyUnknown, PolicyExists, InvalidPolicy, and PolicyInUse where its
    registries are to change while an execution goes on: half of it would go elsewhere."""
    policy = _held(policy_id)
    if (policy.source_id, policy.destination_id) != (content.source_id, content.destination_id):
        _check_unused(policy)
    before = {each.name: getattr(policy, each.name) for each in fields(Content)}
    _write(policy, content)
    changed = sorted(name for name, value in before.items() if value != getattr(policy, name))
    _record(actor, "update", policy, context, changed=changed)


@transaction.atomic
def switch(policy_id: int, *, enabled: bool, actor: Actor, context: Context) -> None:
    """Enable or disable a policy. Nothing for one that is so already. Raises PolicyUnknown."""
    policy = _held(policy_id)
    if policy.enabled == enabled:
        return
    Policy.objects.filter(pk=policy_id).update(enabled=enabled, updated_at=timezone.now())
    _record(actor, "update", policy, context, changed=["enabled"], enabled=enabled)


def delete(policy_id: int, *, actor: Actor, context: Context) -> None:
    """With all its history, however long. Raises PolicyUnknown, and PolicyInUse while an execution goes on."""
    with transaction.atomic():
        policy = _held(policy_id)
        _check_unused(policy)
        Policy.objects.filter(pk=policy_id).update(enabled=False)  # none begins meanwhile
    history.forget_all_of(policy_id)
    with transaction.atomic():
        policy = _held(policy_id)
        _check_unused(policy)
        _record(actor, "delete", policy, context)
        policy.delete()


def _check_unused(policy: Policy) -> None:
    if Execution.objects.filter(policy=policy, ended_at=None).exists():
        raise PolicyInUse(f"an execution of {policy.name} goes on: stop it first")


def _held(policy_id: int) -> Policy:
    policy = Policy.objects.select_for_update().filter(pk=policy_id).first()
    if policy is None:
        raise PolicyUnknown(f"there is no replication policy {policy_id}")
    return policy


def _write(policy: Policy, content: Content) -> None:
    _hold_endpoint(content)
    for each in fields(content):
        setattr(policy, each.name, getattr(content, each.name))
    policy.filters = [dict(each) for each in content.filters]
    policy.cron = content.cron if content.trigger == Trigger.SCHEDULED else ""
    policy.updated_at = timezone.now()
    try:
        with transaction.atomic():
            policy.save()
    except IntegrityError as error:
        raise PolicyExists(f"there is a replication policy {policy.name} already") from error


def _hold_endpoint(content: Content) -> None:
    """The endpoint stays while the policy comes to name it."""
    wanted = content.source_id or content.destination_id or 0
    endpoint = Endpoint.objects.select_for_update(no_key=True).filter(pk=wanted).first()
    if endpoint is None:
        raise InvalidPolicy(f"there is no registry {wanted}")
    selects_by_label = not filters.parse(content.filters).takes_labels(())
    if content.source_id and selects_by_label and not adapters.info(endpoint.kind).labels:
        raise InvalidPolicy(f"{endpoint.name} ({endpoint.kind}) tells no labels: a filter by labels would take nothing")


def _record(actor: Actor, operation: str, policy: Policy, context: Context, **detail: object) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="replication-policy",
        resource=policy.name,
        context=context,
        detail=detail,
    )
