"""Immutable tag rules for tests, made as the API makes them."""

from projects import immutability
from projects.immutability import Selector
from projects.models import ImmutableRule, Project
from rbac.actors import SYSTEM
from tests.people import CONTEXT


def make_rule(project: Project, tags: str = "v*", repositories: str = "**", **more) -> ImmutableRule:
    """Tags that match `tags` are immutable in the repositories that match `repositories`."""
    selectors = Selector("repoMatches", repositories), Selector("matches", tags)
    return immutability.create(project, *selectors, actor=SYSTEM, context=CONTEXT, **more)
