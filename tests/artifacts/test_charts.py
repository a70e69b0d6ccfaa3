"""What is read out of Helm charts, and what isn't."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artifacts import charts
from artifacts.archives import ArchiveRefused
from tests.artifacts.test_archives import pack

CHART = b"""
apiVersion: v2
name: app
version: 1.10
dependencies:
  - name: redis
    version: 18.x.x
    repository: https://charts.example.org
    condition: redis.enabled
    alias: cache
    tags: [backend, 7]
    enabled: true
    import-values: [data, {child: default, parent: here, other: x}]
  - name: common
    repository: ""
"""


def test_dependencies_have_helms_fields():
    assert charts.dependencies(pack({"app/Chart.yaml": CHART})) == [
        {
            "name": "redis",
            "version": "18.x.x",
            "repository": "https://charts.example.org",
            "condition": "redis.enabled",
            "alias": "cache",
            "tags": ["backend", "7"],
            "import-values": ["data", {"child": "default", "parent": "here"}],
            "enabled": True,
        },
        {"name": "common", "repository": ""},
    ]


def test_an_older_chart_has_them_in_a_file_of_their_own():
    requirements = b"dependencies:\n- {name: db, version: '1', repository: r}\n"
    archive = pack({"app/requirements.yaml": requirements, "app/Chart.yaml": b"apiVersion: v1\nname: app\n"})
    assert charts.dependencies(archive) == [{"name": "db", "version": "1", "repository": "r"}]


def test_a_chart_within_a_chart_is_not_the_chart():
    archive = pack({"app/charts/sub/Chart.yaml": CHART, "app/charts/sub/values.yaml": b"no", "app/values.yaml": b"yes"})
    assert charts.dependencies(archive) == []
    assert charts.file(archive, "values.yaml") == b"yes"
    assert charts.file(archive, "readme.md") == b""


@pytest.mark.parametrize(
    "text", [b"", b"null", b"[]", b"x", b"dependencies: 5", b"dependencies: [5, [x], null]", b"dependencies: {a: b}"]
)
def test_a_chart_that_says_nothing_of_it_has_none(text):
    assert charts.dependencies(pack({"app/Chart.yaml": text})) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a: [", "no YAML"),
        (b"\xff\xfe\xff", "no YAML"),
        (b"a: \x01", "no YAML"),
        (b"a: 1\n---\nb: 2", "no YAML"),
        (b"a: &a [x, x]\nb: [*a, *a]", "aliases"),
        (b"[" * 5000, "nested too deep|no YAML"),
        (b"- " * 5000 + b"x", "nested too deep"),
        (b"{a: " * 100 + b"x" + b"}" * 100, "nested too deep"),
        (b"#" * 300_000, "more than 262144"),
        (b"dependencies:\n" + b"- name: x\n" * 501, "more than 500"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text, words):
    began = time.process_time()
    with pytest.raises(ArchiveRefused, match=words):
        charts.dependencies(pack({"app/Chart.yaml": text}))
    assert time.process_time() - began < 5


def test_no_tag_makes_anything_but_text():
    text = b"dependencies:\n- name: !!python/object/apply:os.system [x]\n  version: !!binary eA==\n  repository: !x y"
    assert charts.dependencies(pack({"app/Chart.yaml": text})) == [
        {"name": "", "version": "eA==", "repository": "y"},
    ]


@given(st.binary(max_size=400) | st.text(alphabet="[]{}:,-&*! a\n\"'|>%@#?", max_size=200).map(str.encode))
def test_whatever_comes_is_read_or_refused(text):
    with suppress(ArchiveRefused):
        assert isinstance(charts.dependencies(pack({"app/Chart.yaml": text})), list)
