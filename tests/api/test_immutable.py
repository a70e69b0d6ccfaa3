"""Immutable tag rules over the API, in Harbor's shapes."""

import pytest

from projects.models import ImmutableRule
from tests.api.caller import Caller, error_of, make_caller
from tests.people import join, make_project
from tests.roundtrips import counted

pytestmark = pytest.mark.django_db

RULES = "projects/team/immutabletagrules"


def body(tags="v*", repositories="**", **more):
    return {
        "action": "immutable",
        "template": "immutable_template",
        "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": tags}],
        "scope_selectors": {
            "repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": repositories}]
        },
    } | more


@pytest.fixture
def keeper() -> Caller:
    caller, user = make_caller("keeper")
    join(make_project("team"), user, "maintainer")
    return caller


def test_a_rule_is_made_read_changed_and_taken_away(keeper):
    answer = keeper.post(RULES, body("v*", "apps/**", priority=2, id=0, params={"x": {}}))
    assert answer.status_code == 201
    rule = ImmutableRule.objects.get()
    assert answer["Location"] == f"/api/v2.0/projects/{rule.project_id}/immutabletagrules/{rule.pk}"
    listed = keeper.get(RULES)
    assert listed["X-Total-Count"] == "1"
    selectors = {"kind": "doublestar", "extras": ""}
    assert listed.json() == [
        {
            "id": rule.pk,
            "priority": 2,
            "disabled": False,
            "action": "immutable",
            "template": "immutable_template",
            "params": {},
            "tag_selectors": [{"decoration": "matches", "pattern": "v*", **selectors}],
            "scope_selectors": {"repository": [{"decoration": "repoMatches", "pattern": "apps/**", **selectors}]},
        }
    ]
    changed = listed.json()[0] | {"disabled": True}
    changed["tag_selectors"][0]["pattern"] = "w*"
    assert keeper.put(f"{RULES}/{rule.pk}", changed).status_code == 200
    assert keeper.get(RULES).json() == [changed]
    assert keeper.put(f"{RULES}/{rule.pk}", {"disabled": False}).status_code == 200
    assert keeper.get(RULES).json() == [changed | {"disabled": False}]
    assert keeper.put(f"{RULES}/{rule.pk}", {"disabled": True}).status_code == 200
    assert keeper.put(f"{RULES}/{rule.pk}", {"priority": 3}).status_code == 200
    assert keeper.get(RULES).json() == [changed | {"priority": 3}]
    left_out = {name: value for name, value in changed.items() if name != "disabled"}  # as Go leaves out what is false
    assert keeper.put(f"{RULES}/{rule.pk}", left_out).status_code == 200
    assert keeper.get(RULES).json() == [changed | {"disabled": False}]
    assert keeper.delete(f"{RULES}/{rule.pk}").status_code == 200
    assert keeper.get(RULES).json() == []
    assert error_of(keeper.delete(f"{RULES}/{rule.pk}"))[0] == 404


def test_two_rules_alike_are_a_conflict(keeper):
    assert keeper.post(RULES, body()).status_code == 201
    assert error_of(keeper.post(RULES, body(disabled=True))) == (409, "CONFLICT")
    assert keeper.post(RULES, body("w*")).status_code == 201


def test_rules_are_sorted_and_narrowed(keeper):
    for tags, disabled in (("a", False), ("b", True), ("c", False)):
        keeper.post(RULES, body(tags, disabled=disabled))
    patterns = [
        rule["tag_selectors"][0]["pattern"] for rule in keeper.get(RULES, sort="-id", q="disabled=false").json()
    ]
    assert patterns == ["c", "a"]
    page = keeper.get(RULES, page=2, page_size=2)
    assert (len(page.json()), page["X-Total-Count"]) == (1, "3")


_SELECTOR = {"kind": "doublestar", "decoration": "matches", "pattern": "x"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"tag_selectors": []},
        {"tag_selectors": None},
        {"tag_selectors": "x"},
        {"tag_selectors": [_SELECTOR, _SELECTOR]},
        {"tag_selectors": [_SELECTOR | {"kind": "label"}]},
        {"tag_selectors": [_SELECTOR | {"decoration": "repoMatches"}]},
        {"tag_selectors": [_SELECTOR | {"pattern": "["}]},
        {"tag_selectors": [_SELECTOR | {"pattern": ""}]},
        {"tag_selectors": [_SELECTOR | {"pattern": "a\x00"}]},
        {"tag_selectors": [_SELECTOR | {"pattern": "\ud800"}]},
        {"tag_selectors": [_SELECTOR | {"pattern": "a" * 2000}]},
        {"tag_selectors": [_SELECTOR | {"pattern": 7.5}, 3]},
        {"scope_selectors": {}},
        {"scope_selectors": {"repository": []}},
        {"scope_selectors": {"project": [_SELECTOR]}},
        {"scope_selectors": {"repository": [_SELECTOR]}},
        {"scope_selectors": {"repository": _SELECTOR}},
        {"scope_selectors": []},
        {"action": "retain"},
        {"template": "always"},
        {"priority": 2**70},
        {"priority": "high"},
        {"disabled": "perhaps"},
    ],
)
def test_what_is_no_rule_is_a_bad_request(keeper, wrong):
    assert error_of(keeper.post(RULES, body() | wrong))[0] == 400
    assert not ImmutableRule.objects.exists()


def test_the_words_say_what_is_wrong_with_a_pattern(keeper):
    answer = keeper.post(RULES, body("{a"))
    assert "a brace isn't closed" in answer.json()["errors"][0]["message"]


def test_a_change_keeps_to_its_rule(keeper):
    keeper.post(RULES, body())
    rule = ImmutableRule.objects.get()
    assert error_of(keeper.put(f"{RULES}/{rule.pk}", {"id": rule.pk + 1, "disabled": True}))[0] == 400
    assert error_of(keeper.put(f"{RULES}/{rule.pk + 1}", {"disabled": True}))[0] == 404
    assert error_of(keeper.put(f"{RULES}/{2**64}", {"disabled": True}))[0] == 404
    assert error_of(keeper.put(f"{RULES}/x", {"disabled": True}))[0] == 422
    rule.refresh_from_db()
    assert rule.disabled is False


def test_another_projects_rule_is_not_found(keeper):
    other = make_project("other")
    mine, user = make_caller("other-keeper")
    join(other, user, "maintainer")
    keeper.post(RULES, body())
    rule = ImmutableRule.objects.get()
    assert error_of(mine.put(f"projects/other/immutabletagrules/{rule.pk}", {"disabled": True}))[0] == 404
    assert error_of(mine.delete(f"projects/other/immutabletagrules/{rule.pk}"))[0] == 404
    assert error_of(mine.get(RULES)) == (403, "FORBIDDEN")
    assert ImmutableRule.objects.count() == 1


def test_the_list_costs_the_same_for_few_and_for_many(keeper):
    keeper.post(RULES, body("a"))
    for _ in range(3):
        keeper.get(RULES)
    with counted() as few:
        keeper.get(RULES)
    for number in range(5):
        keeper.post(RULES, body(f"b{number}"))
    with counted() as many:
        assert len(keeper.get(RULES).json()) == 6
    assert many() == few()
