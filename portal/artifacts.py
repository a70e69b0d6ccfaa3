"""What a repository holds: its artifacts with their tags, and one artifact by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from artifacts import additions, beside, finding, manifests
from artifacts.kinds import accessory_of, kind_of
from artifacts.models import Manifest, Repository, Tag
from oci.digest import Digest
from oci.manifest import INDEX_TYPES
from portal import confirming, contents, pulling, rooms
from portal.lists import ordered, page_of
from portal.visit import Visit, id_in, visited
from projects import immutability
from projects.labels import usable_in
from projects.models import Label

ORDERS = {"pushed": ["pushed_at", "pk"]}
_TAGS_SHOWN, _TAGS_NAMED = 8, 5  # beside an artifact of a list, and of one that is to be deleted
_UNDER = 3  # parts below an artifact of a list, and what refers to it
_TAGS, _REFERRERS = 25, 25  # on the page of one artifact


@visited("GET", "HEAD")
def artifacts(visit: Visit, name: str, repository: str) -> HttpResponse:
    """A repository: its artifacts, newest first."""
    room = rooms.enter(visit, name, "artifact:list")
    held = rooms.repository(room, repository)
    q = visit.asked("q", 128)
    rows = held.manifests.filter(listed=True).defer("payload", "annotations")
    rows = finding.tagged(rows, held, q) if q else rows
    label = _label(visit, room)
    rows = rows.filter(marks__label=label) if label else rows
    rows, order = ordered(visit, rows, ORDERS, "-pushed")
    page = page_of(visit, rows)
    facts = {
        "repository": held, "page": page, "entries": entries(held, page.rows), "order": order, "q": q,
        "label": label, "kept": {"label": str(label.pk) if label else ""},
        "under": f":{_UNDER}", "most_under": _UNDER,
        "looks_through": finding.looks_through(held), "pushing": pulling.pushing(visit.request.get_host(), held.name),
    }  # fmt: skip
    return room.show("artifacts", "project", facts)


def _label(visit: Visit, room: rooms.Room) -> Label | None:
    """The label that the list is narrowed to: one that the project's artifacts can have."""
    asked = id_in(visit.asked("label"))
    return usable_in(room.project.pk).filter(pk=asked).first() if asked else None


def entries(
    held: Repository, found: Sequence[Manifest], shown: int = _TAGS_SHOWN, referring: int = _UNDER + 1
) -> list[dict[str, Any]]:
    """What a list tells of artifacts, with `shown` tags of each and how many more of the newest there are, and up
    to `referring` that refer to it: six queries for any number of them."""
    ids = [row.pk for row in found]
    tags, labels, referrers, parts = (
        beside.tags(ids), beside.labels(ids), beside.referrers(ids, referring), beside.parts(found),
    )  # fmt: skip
    rules = immutability.rules_of(held.project_id).of_repository(held.name)
    return [
        {
            "artifact": row,
            "tags": [(tag, rules.cover(tag.name)) for tag in tags.get(row.pk, [])[:shown]],
            "more_tags": max(0, len(tags.get(row.pk, [])) - shown),
            "labels": labels.get(row.pk, []),
            "referrers": [(each, accessory_of(each.artifact_type)) for each in referrers.get(row.pk, [])],
            "parts": parts.get(row.pk, []),
            "kind": kind_of(row.media_type, row.artifact_type),
            "is_index": row.media_type in INDEX_TYPES,
            "size": row.size + sum(part.size for part in parts.get(row.pk, [])),
            "platform": contents.platform(row.attributes),
        }
        for row in found
    ]


@visited("GET", "HEAD")
def artifact(visit: Visit, name: str, repository: str, digest: str) -> HttpResponse:
    """One artifact: all that is known of it."""
    room = rooms.enter(visit, name, "artifact:read")
    held = rooms.repository(room, repository)
    found = rooms.artifact(held, digest)
    [entry] = entries(held, [found], referring=_REFERRERS + 1)
    page = page_of(visit, found.tags.order_by("-pushed_at", "-pk"), _TAGS)
    named = page.rows[0].name if page.rows else ""
    rules = immutability.rules_of(held.project_id).of_repository(held.name)
    facts = {
        **entry,
        "tags": [(tag, rules.cover(tag.name)) for tag in page.rows],
        "page": page,
        "referrers": entry["referrers"][:_REFERRERS],
        "more_referrers": len(entry["referrers"]) > _REFERRERS,
        "repository": held,
        "content": contents.read(found),
        "commands": pulling.commands(visit.request.get_host(), held.name, found, named),
        "additions": [each for each in additions.names(found.media_type, found.artifact_type) if each != _SHOWN],
        "parents": found.parents.select_related("parent").defer("parent__payload", "parent__annotations")[:20],
        "subject": _subject(held, found),
    }
    return room.show("artifact", "project", facts)


_SHOWN = "build_history"  # the addition that stands on the page itself


def _subject(held: Repository, found: Manifest) -> Manifest | None:
    """What this artifact belongs to, if that is here."""
    if not found.subject:
        return None
    return Manifest.objects.filter(repository=held, digest=found.subject).only("digest").first()


@visited("GET", "HEAD")
def addition(visit: Visit, name: str, repository: str, digest: str, addition: str) -> HttpResponse:
    """A chart's values, a model's README and the like, as text."""
    room = rooms.enter(visit, name, "artifact-addition:read")
    held = rooms.repository(room, repository)
    found = rooms.artifact(held, digest)
    text = additions.read(found, addition).content.decode(errors="replace")
    return room.show("addition", "project", {"repository": held, "artifact": found, "name": addition, "text": text})


@visited("GET", "HEAD", "POST")
def delete(visit: Visit, name: str, repository: str, digest: str) -> HttpResponse:
    room = rooms.enter(visit, name, "artifact:delete")
    held = rooms.repository(room, repository)
    found = rooms.artifact(held, digest)
    newest = Tag.objects.filter(manifest=found).order_by("-pushed_at", "-pk")
    tags = newest.values_list("name", flat=True)[: _TAGS_NAMED + 1]
    named = ", ".join(tags[:_TAGS_NAMED]) + (", …" if len(tags) > _TAGS_NAMED else "")
    short = found.digest.partition(":")[2][:12]
    words = _("The artifact goes with its tags (%(tags)s) and everything that is signed onto it. This can't be undone.")
    none = _("The artifact has no tags. Everything that is signed onto it goes with it. This can't be undone.")
    return confirming.confirmed(
        visit,
        lambda: manifests.delete(held.name, Digest.parse(found.digest), actor=visit.actor, context=visit.context),
        name=short,
        title=_("Delete the artifact %(digest)s") % {"digest": short},
        words=words % {"tags": named} if tags else none,
        back=reverse("artifact", args=[name, repository, found.digest]),
        button=_("Delete the artifact"),
        then=reverse("repository", args=[name, repository]),
        said=_("The artifact %(digest)s is deleted.") % {"digest": short},
        section="projects",
    )
