"""Immutable tags: a project's rules say which tags, once there, neither move nor go.

A rule holds from the moment that its making is answered. A deed on tags takes the rules' lock, shared, in its own
transaction and decides by what it reads then; whoever changes rules takes it alone, so he waits for the deeds that
are under way and is waited for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.db import connection, transaction

import audit
from audit import Context
from db.locks import transaction_lock
from db.prepared import fetch
from oci.pattern import InvalidPattern, compiled
from projects.errors import ImmutableRuleExists, ImmutableRuleUnknown, InvalidImmutableRule
from projects.models import ImmutableRule, Project
from rbac.actors import Actor

TAG_DECORATIONS = ("matches", "excludes")
REPOSITORY_DECORATIONS = ("repoMatches", "repoExcludes")
MOST = 100  # rules of one project: each push that moves a tag looks at all of them
_PRIORITIES = 2**31
_PATIENCE = 2  # seconds


@dataclass(frozen=True, slots=True)
class Selector:
    """A pattern, and whether it names what is meant or all but that."""

    decoration: str
    pattern: str


def lock_of(project_id: int) -> str:
    """The name of the lock on a project's rules."""
    return f"immutable tags of project {project_id}"


class Rules:
    """A project's rules that are in force, as read at one moment."""

    def __init__(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        self._rows = list(rows)

    def __bool__(self) -> bool:
        return bool(self._rows)

    def of_repository(self, repository: str) -> Rules:
        """Those that speak of `repository`, a full name: a pattern is compared with what comes after the project."""
        name = repository.partition("/")[2]
        return Rules(row for row in self._rows if _selects(row[0], row[1], name))

    def cover(self, tag: str) -> bool:
        """Whether a tag is immutable, in a repository that all of them speak of."""
        return any(_selects(decoration, pattern, tag) for _, _, decoration, pattern in self._rows)


def _selects(decoration: str, pattern: str, name: str) -> bool:
    return compiled(pattern).matches(name) != decoration.lower().endswith("excludes")


def draft(repositories: Selector, tags: Selector) -> Rules:
    """One rule that isn't made yet, to see what it would cover. Raises InvalidImmutableRule."""
    _check(repositories, "repository", REPOSITORY_DECORATIONS)
    _check(tags, "tag", TAG_DECORATIONS)
    return Rules([(repositories.decoration, repositories.pattern, tags.decoration, tags.pattern)])


_IN_FORCE = """
SELECT repository_decoration, repository_pattern, tag_decoration, tag_pattern
FROM projects_immutablerule WHERE project_id = %s AND NOT disabled
"""


def rules_of(project_id: int) -> Rules:
    """The rules in force. One round trip."""
    return Rules(fetch(_IN_FORCE, (project_id,)))


def hold(project_id: int) -> Rules:
    """The rules in force, which stay as they are until this transaction ends."""
    transaction_lock(lock_of(project_id), shared=True)
    return rules_of(project_id)


def _take_alone(project: Project) -> None:
    """Hold the lock on the rules until the transaction ends. Pushes queue behind whoever waits for it, so nobody waits
    long: for the deletion of a big repository, say. `OperationalError` then."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}s'")
    transaction_lock(lock_of(project.pk))


@transaction.atomic
def create(
    project: Project,
    repositories: Selector,
    tags: Selector,
    *,
    disabled: bool = False,
    priority: int = 0,
    actor: Actor,
    context: Context,
) -> ImmutableRule:
    """A new rule. Raises InvalidImmutableRule, ImmutableRuleExists."""
    _take_alone(project)
    rule = ImmutableRule(project=project, disabled=disabled, priority=priority)
    _select(rule, repositories, tags)
    if project.immutable_rules.count() >= MOST:
        raise InvalidImmutableRule(f"a project has at most {MOST} immutable tag rules")
    _save(rule, "create", actor, context)
    return rule


@transaction.atomic
def change(
    project: Project,
    rule_id: int,
    *,
    repositories: Selector | None = None,
    tags: Selector | None = None,
    disabled: bool | None = None,
    priority: int | None = None,
    actor: Actor,
    context: Context,
) -> None:
    """Change what is given. Raises ImmutableRuleUnknown, InvalidImmutableRule, ImmutableRuleExists."""
    _take_alone(project)
    rule = _find(project, rule_id)
    _select(
        rule,
        repositories or Selector(rule.repository_decoration, rule.repository_pattern),
        tags or Selector(rule.tag_decoration, rule.tag_pattern),
    )
    rule.disabled = rule.disabled if disabled is None else disabled
    rule.priority = rule.priority if priority is None else priority
    _save(rule, "update", actor, context)


@transaction.atomic
def remove(project: Project, rule_id: int, *, actor: Actor, context: Context) -> None:
    """Take a rule away: what it alone covered may move and go again. ImmutableRuleUnknown."""
    _take_alone(project)
    rule = _find(project, rule_id)
    _record(rule, "delete", actor, context)
    rule.delete()


def _find(project: Project, rule_id: int) -> ImmutableRule:
    rule = ImmutableRule.objects.filter(project=project, pk=rule_id).first()
    if rule is None:
        raise ImmutableRuleUnknown(f"the project {project.name} has no immutable tag rule {rule_id}")
    return rule


def _select(rule: ImmutableRule, repositories: Selector, tags: Selector) -> None:
    _check(repositories, "repository", REPOSITORY_DECORATIONS)
    _check(tags, "tag", TAG_DECORATIONS)
    rule.repository_decoration, rule.repository_pattern = repositories.decoration, repositories.pattern
    rule.tag_decoration, rule.tag_pattern = tags.decoration, tags.pattern


def _check(selector: Selector, what: Literal["repository", "tag"], decorations: tuple[str, ...]) -> None:
    if selector.decoration not in decorations:
        raise InvalidImmutableRule(f"the decoration of a {what} selector is {' or '.join(decorations)}")
    if not selector.pattern.isprintable():
        raise InvalidImmutableRule(f"the {what} pattern holds a character that can't be printed")
    try:
        compiled(selector.pattern)
    except InvalidPattern as error:
        raise InvalidImmutableRule(f"the {what} pattern is none: {error}") from error


def _save(rule: ImmutableRule, operation: str, actor: Actor, context: Context) -> None:
    if not -_PRIORITIES <= rule.priority < _PRIORITIES:
        raise InvalidImmutableRule("the priority is a number of 32 bits")
    twins = ImmutableRule.objects.filter(
        project=rule.project_id,
        repository_decoration=rule.repository_decoration,
        repository_pattern=rule.repository_pattern,
        tag_decoration=rule.tag_decoration,
        tag_pattern=rule.tag_pattern,
    )
    if twins.exclude(pk=rule.pk).exists():  # nobody else changes rules just now
        raise ImmutableRuleExists("the project has an immutable tag rule with these selectors already")
    rule.save()
    _record(rule, operation, actor, context)


def _record(rule: ImmutableRule, operation: str, actor: Actor, context: Context) -> None:
    audit.record(
        actor=actor.name,
        operation=operation,
        resource_type="immutable-tag-rule",
        resource=str(rule.pk),
        project=rule.project.name,
        context=context,
        detail={
            "repositories": f"{rule.repository_decoration} {rule.repository_pattern}",
            "tags": f"{rule.tag_decoration} {rule.tag_pattern}",
            "disabled": rule.disabled,
        },
    )
