"""Immutable tag rules: what they cover, what is no rule, and what is recorded."""

from typing import Any

import pytest

from audit.models import AuditRecord
from projects import immutability
from projects.errors import ImmutableRuleExists, ImmutableRuleUnknown, InvalidImmutableRule
from projects.immutability import MOST, Rules, Selector
from projects.models import ImmutableRule
from rbac.actors import Actor
from tests.people import CONTEXT, make_project

pytestmark = pytest.mark.django_db

ROOT = Actor(kind="user", name="root", user_id=1, is_admin=True)
BY: dict[str, Any] = {"actor": ROOT, "context": CONTEXT}
EVERY = Selector("repoMatches", "**")


def rule(project, tags="v*", repositories="**", **more):
    return immutability.create(project, Selector("repoMatches", repositories), Selector("matches", tags), **more, **BY)


def covered(project, repository, tag):
    return immutability.rules_of(project.pk).of_repository(f"{project.name}/{repository}").cover(tag)


def test_a_rule_covers_the_tags_it_matches_where_it_matches():
    team = make_project("team")
    rule(team, "v*", "apps/**")
    assert covered(team, "apps/web", "v1")
    assert covered(team, "apps/web/x", "v1")
    assert not covered(team, "apps/web", "latest")
    assert not covered(team, "web", "v1")
    assert not covered(make_project("other"), "apps/web", "v1")


def test_excludes_means_all_but_these():
    team = make_project("team")
    immutability.create(team, Selector("repoExcludes", "dev/**"), Selector("excludes", "{latest,dev-*}"), **BY)
    assert covered(team, "web", "v1")
    assert not covered(team, "web", "latest")
    assert not covered(team, "dev/web", "v1")


def test_one_rule_of_several_is_enough_and_a_disabled_one_is_none():
    team = make_project("team")
    rule(team, "v*")
    made = rule(team, "stable")
    assert covered(team, "web", "v1")
    assert covered(team, "web", "stable")
    immutability.change(team, made.pk, disabled=True, **BY)
    assert not covered(team, "web", "stable")
    assert covered(team, "web", "v1")


def test_no_rules_cover_nothing():
    assert not Rules([])
    assert not Rules([]).of_repository("team/web").cover("v1")


@pytest.mark.parametrize(
    ("repositories", "tags"),
    [
        (Selector("matches", "**"), Selector("matches", "**")),
        (Selector("repoMatches", "**"), Selector("repoMatches", "**")),
        (Selector("repoMatches", ""), Selector("matches", "**")),
        (Selector("repoMatches", "["), Selector("matches", "**")),
        (EVERY, Selector("matches", "{a")),
        (EVERY, Selector("matches", "a\x00")),
        (EVERY, Selector("matches", "\ud800")),
        (EVERY, Selector("matches", "a" * 1025)),
        (EVERY, Selector("", "a")),
    ],
)
def test_what_is_no_rule_is_refused(repositories, tags):
    team = make_project("team")
    with pytest.raises(InvalidImmutableRule) as refused:
        immutability.create(team, repositories, tags, **BY)
    assert ("repository" if tags == Selector("matches", "**") else "tag") in str(refused.value)
    assert not ImmutableRule.objects.exists()


def test_two_rules_alike_are_one_too_many():
    team = make_project("team")
    rule(team, "v*")
    with pytest.raises(ImmutableRuleExists):
        rule(team, "v*", disabled=True)
    other = rule(team, "w*")
    with pytest.raises(ImmutableRuleExists):
        immutability.change(team, other.pk, tags=Selector("matches", "v*"), **BY)
    immutability.change(team, other.pk, tags=Selector("matches", "w*"), priority=3, **BY)
    rule(make_project("other"), "v*")


def test_a_project_has_so_many_rules_and_no_more():
    team = make_project("team")
    ImmutableRule.objects.bulk_create(
        ImmutableRule(project=team, repository_decoration="repoMatches", repository_pattern="**",
                      tag_decoration="matches", tag_pattern=f"v{number}")
        for number in range(MOST)
    )  # fmt: skip
    with pytest.raises(InvalidImmutableRule):
        rule(team)


def test_a_change_leaves_what_it_does_not_name():
    team = make_project("team")
    made = rule(team, "v*", "apps/*", priority=7)
    immutability.change(team, made.pk, repositories=Selector("repoExcludes", "x"), **BY)
    made.refresh_from_db()
    assert (made.repository_decoration, made.repository_pattern) == ("repoExcludes", "x")
    assert (made.tag_decoration, made.tag_pattern, made.priority, made.disabled) == ("matches", "v*", 7, False)


@pytest.mark.parametrize("priority", [2**31, -(2**31) - 1, 2**80])
def test_a_priority_is_of_32_bits(priority):
    team = make_project("team")
    with pytest.raises(InvalidImmutableRule):
        rule(team, priority=priority)


def test_another_projects_rule_is_unknown():
    made = rule(make_project("team"))
    other = make_project("other")
    with pytest.raises(ImmutableRuleUnknown):
        immutability.change(other, made.pk, disabled=True, **BY)
    with pytest.raises(ImmutableRuleUnknown):
        immutability.remove(other, made.pk, **BY)
    assert ImmutableRule.objects.get().disabled is False


def test_each_change_is_recorded():
    team = make_project("team")
    made = rule(team, "v*", "apps/**")
    immutability.change(team, made.pk, disabled=True, **BY)
    immutability.remove(team, made.pk, **BY)
    records = list(AuditRecord.objects.order_by("id"))
    assert [(each.operation, each.resource_type, each.resource, each.project) for each in records] == [
        (operation, "immutable-tag-rule", str(made.pk), "team") for operation in ("create", "update", "delete")
    ]
    assert records[0].detail == {"repositories": "repoMatches apps/**", "tags": "matches v*", "disabled": False}
    assert records[1].detail["disabled"] is True


def test_rules_go_with_their_project():
    team = make_project("team")
    rule(team)
    team.delete()
    assert not ImmutableRule.objects.exists()
