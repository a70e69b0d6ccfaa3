"""What a policy would take of what is here, told before there is the policy."""

import pytest

from artifacts.models import ArtifactLabel, Manifest, Repository
from projects.models import Label, Project
from replication import previews
from replication.errors import InvalidPolicy
from replication.previews import preview
from tests.api import stage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def team():
    stage.build()


def taken(*filters, namespace="", flatten=-1):
    found = preview(list(filters), namespace, flatten)
    return {line.source: (line.destination, line.tags) for line in found.lines}


def test_it_tells_repositories_with_their_names_there_and_the_tags_that_are_taken():
    assert taken() == {"team/app": ("team/app", ("multi", "v1"))}
    assert taken(namespace="mirror", flatten=1) == {"team/app": ("mirror/app", ("multi", "v1"))}
    assert taken({"type": "tag", "value": "v*"}) == {"team/app": ("team/app", ("v1",))}
    assert taken({"type": "name", "value": "other/**"}) == {}
    assert taken({"type": "name", "value": "team/nothing"}) == {}


def test_an_index_is_as_large_as_its_parts():
    [index] = preview([{"type": "tag", "value": "multi"}], "", -1).lines
    own, parts = Manifest.objects.get(tags__name="multi"), Manifest.objects.filter(parents__parent__tags__name="multi")
    assert parts
    assert index.size == own.size + sum(part.size for part in parts)


def test_it_looks_at_labels_and_kinds_as_a_replication_does():
    label = Label.objects.create(name="good")
    ArtifactLabel.objects.create(manifest_id=stage.ID, label=label)
    chosen = {"type": "label", "value": ["good"]}
    assert taken(chosen) == {"team/app": ("team/app", ("v1",))}
    assert taken({**chosen, "decoration": "excludes"}) == {"team/app": ("team/app", ("multi",))}
    assert taken({"type": "resource", "value": "chart"}) == {}


def test_a_name_that_can_not_be_there_is_told():
    [line] = preview([], "mirror", 5).lines
    assert (line.destination, "replaces 5 of them" in line.wrong) == ("", True)


def test_it_is_bounded_and_says_so(monkeypatch):
    monkeypatch.setattr(previews, "_LINES", 3)
    for number in range(5):
        stage.fill_more(number)
        Repository.objects.create(name=f"team/app-{number}", project=Project.objects.get(name="team"))
    found = preview([], "", -1)
    assert not found.whole
    monkeypatch.setattr(previews, "_ARTIFACTS", 4)
    [line] = preview([{"type": "name", "value": "team/app"}], "", -1).lines
    assert (line.artifacts, line.more) == (4, True)


def test_what_is_no_filter_is_refused():
    with pytest.raises(InvalidPolicy):
        preview([{"type": "name", "value": "[a"}], "", -1)
