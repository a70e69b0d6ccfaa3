"""`manage.py quotas`: what projects use and may use, limits set, and the figures compared with the links."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from artifacts import recount
from artifacts.recount import Difference
from projects import actions, quotas
from projects.errors import ProjectError
from projects.models import Project, Quota
from rbac.actors import SYSTEM
from rbac.management.console import CONTEXT, one_line

_BATCH = 500


class Command(BaseCommand):
    help = (
        "List what projects use and may use, most used first. --check compares the figures with what the manifests "
        "name and says every difference; --repair counts anew where there is one. Exits with 1 while some remain."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="compare, change nothing")
        parser.add_argument("--repair", action="store_true", help="compare, and set right what differs")
        parser.add_argument("--project", metavar="NAME", help="look at this project only")
        setting = parser.add_subparsers(dest="deed").add_parser("set", help="give a project another limit")
        setting.add_argument("name", metavar="PROJECT")
        setting.add_argument("limit", help="such as 10GiB, 1.5T, a number of bytes, unlimited")

    def handle(self, *_: Any, **options: Any) -> None:
        with one_line(ProjectError):
            if options["deed"] == "set":
                self._set(options["name"], options["limit"])
                return
            only = actions.find(options["project"]) if options["project"] else None
        if options["check"] or options["repair"]:
            self._compare(only, repair=options["repair"])
        else:
            self._list(only)

    def _set(self, name: str, limit: str) -> None:
        project = actions.find(name)
        quota, _ = Quota.objects.get_or_create(project=project)
        quotas.set_limit(quota, quotas.parse(limit), actor=SYSTEM, context=CONTEXT)
        self.stdout.write(f"{name}: {_shown(Quota.objects.get(pk=quota.pk).hard)}")

    def _list(self, only: Project | None) -> None:
        quotas.fold()
        rows = Quota.objects.select_related("project").order_by("-used", "-id")
        for quota in (rows.filter(project=only) if only else rows).iterator(chunk_size=_BATCH):
            self.stdout.write(_line(quota))

    def _compare(self, only: Project | None, *, repair: bool) -> None:
        differing: Counter[str] = Counter()
        for difference in recount.check(only):
            differing[difference.project] += 1
            self.stdout.write(str(difference))
        found = remaining = differing.total()
        if repair and found:
            remaining = sum(1 for _ in self._repaired(only, list(differing)))
        self.stdout.write(f"{found} differences, {found - remaining} mended")
        if remaining:
            raise CommandError(f"{remaining} differences remain", returncode=1)

    def _repaired(self, only: Project | None, names: list[str]) -> Iterator[Difference]:
        """What differs after what differed was counted anew."""
        for project in Project.objects.filter(name__in=names).order_by("name"):
            recount.repair(project)
            yield from recount.check(project)
        if only is None:
            recount.remove_strays()


def _shown(hard: int) -> str:
    return "unlimited" if hard == quotas.UNLIMITED else quotas.words(hard)


def _line(quota: Quota) -> str:
    used = quotas.words(quota.used)
    if quota.hard == quotas.UNLIMITED:
        return f"{quota.project.name}\t{used} of unlimited"
    percent = quota.used * 100 // quota.hard
    warning = "\tnearly full" if percent >= quotas.WARNING else ""
    return f"{quota.project.name}\t{used} of {_shown(quota.hard)}\t{percent} %{warning}"
