"""What a rule on tags would cover, looked up before it is made."""

from __future__ import annotations

from dataclasses import dataclass, field

from artifacts.models import Repository
from db.prepared import fetch
from projects.immutability import Rules
from projects.models import Project

_REPOSITORIES, _TAGS, _SHOWN = 300, 3000, 20
# By the index on a repository's tag names: the last ones are mostly the newest versions.
_TAGS_OF = """
SELECT r.id, t.name FROM unnest(%s::bigint[]) AS r(id) CROSS JOIN LATERAL (
    SELECT name FROM artifacts_tag WHERE repository_id = r.id ORDER BY name DESC LIMIT %s
) t
"""


@dataclass(slots=True)
class Preview:
    """`looked_at` tags, of which `covered` are; `names` are the first of these. Not `whole` where there are more."""

    looked_at: int = 0
    covered: int = 0
    names: list[str] = field(default_factory=list)
    whole: bool = True


def covered(project: Project, rules: Rules) -> Preview:
    """What of the project's tags the rules cover: so many tags of each of its first repositories. Two queries."""
    rows = Repository.objects.filter(project=project).order_by("name").values_list("pk", "name")
    held = list(rows[: _REPOSITORIES + 1])
    found = Preview(whole=len(held) <= _REPOSITORIES)
    speaking = {pk: (name, rules.of_repository(name)) for pk, name in held[:_REPOSITORIES]}
    each = _TAGS // max(1, len(speaking))
    counts = dict.fromkeys(speaking, 0)
    for pk, tag in fetch(_TAGS_OF, (list(speaking), each + 1)):
        counts[pk] += 1
        name, of_it = speaking[pk]
        if counts[pk] > each:
            found.whole = False
            continue
        found.looked_at += 1
        if of_it and of_it.cover(tag):
            found.covered += 1
            if len(found.names) < _SHOWN:
                found.names.append(f"{name}:{tag}")
    return found
