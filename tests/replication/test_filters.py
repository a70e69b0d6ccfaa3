"""What filters select, by Harbor's semantics."""

import pytest

from replication.errors import InvalidPolicy
from replication.filters import parse


def of(kind, value, decoration=""):
    return {"type": kind, "value": value, "decoration": decoration}


@pytest.mark.parametrize(
    ("patterns", "name", "taken"),
    [
        ([], "library/alpine", True),
        ([""], "library/alpine", True),
        (["library/**"], "library/alpine", True),
        (["library/**"], "library/a/b", True),
        (["library/*"], "library/a/b", False),
        (["**"], "a/b/c", True),
        (["*"], "a/b", False),
        (["{library,team}/app"], "team/app", True),
        (["team/**", "**/app"], "team/app", True),
        (["team/**", "**/app"], "team/web", False),
    ],
)
def test_a_repository_matches_every_name_filter(patterns, name, taken):
    assert parse([of("name", each) for each in patterns]).takes_repository(name) is taken


@pytest.mark.parametrize(
    ("filters", "tags", "taken"),
    [
        ([], ["v1", "v2"], ("v1", "v2")),
        ([], [], ()),
        ([of("tag", "v*")], ["v1", "latest"], ("v1",)),
        ([of("tag", "v*", "matches")], ["latest"], None),
        ([of("tag", "v*", "excludes")], ["v1", "latest"], ("latest",)),
        ([of("tag", "v*", "excludes")], ["v1"], None),
        ([of("tag", "v*"), of("tag", "*-rc*", "excludes")], ["v1", "v1-rc1", "x"], ("v1",)),
        # An artifact without a tag is matched as if it had an empty one.
        ([of("tag", "v*")], [], None),
        ([of("tag", "**")], [], ()),
        ([of("tag", "v*", "excludes")], [], ()),
        ([of("tag", "{v1,v2}")], ["v1", "v2", "v3"], ("v1", "v2")),
    ],
)
def test_the_tags_that_match_come_along(filters, tags, taken):
    assert parse(filters).taken_tags(tags) == taken


@pytest.mark.parametrize(
    ("filters", "labels", "taken"),
    [
        ([], [], True),
        ([of("label", ["qa"])], ["qa", "prod"], True),
        ([of("label", ["qa", "prod"])], ["qa"], False),
        ([of("label", ["qa"], "excludes")], ["prod"], True),
        ([of("label", ["qa"], "excludes")], ["qa"], False),
        ([of("label", ["qa", "prod"], "excludes")], ["qa"], True),
    ],
)
def test_an_artifact_has_all_labels_of_a_filter(filters, labels, taken):
    assert parse(filters).takes_labels(labels) is taken


@pytest.mark.parametrize(
    ("value", "kind", "taken"),
    [
        ("", "CHART", True),
        ("artifact", "CHART", True),
        ("image", "IMAGE", True),
        ("image", "CHART", False),
        ("chart", "CHART", True),
    ],
)
def test_the_type_is_that_of_the_filter(value, kind, taken):
    assert parse([of("resource", value)]).takes_kind(kind) is taken


@pytest.mark.parametrize(
    "filters",
    [
        [of("digest", "x")],
        [of(None, "x")],
        [of("name", 5)],
        [of("name", ["a"])],
        [of("name", "a", "matches")],
        [of("resource", "image", "excludes")],
        [of("resource", "helm")],
        [of("resource", "image"), of("resource", "chart")],
        [of("tag", "v*", "ignores")],
        [of("tag", "v[")],
        [of("tag", "{a" * 10)],
        [of("tag", "x" * 2000)],
        [of("label", "qa")],
        [of("label", [""])],
        [of("label", [5])],
        [of("label", ["x" * 200])],
        [of("label", ["a\x00"])],
        [of("name", "a")] * 60,
    ],
)
def test_it_refuses_what_is_no_filter(filters):
    with pytest.raises(InvalidPolicy):
        parse(filters)
