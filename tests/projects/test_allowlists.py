"""Allowlists set by several at once."""

import threading
from typing import Any

import pytest
from django.db import connection

from projects import allowlists
from projects.errors import ProjectUnknown
from projects.models import CVEAllowlist, Project
from rbac.actors import SYSTEM
from tests.people import CONTEXT, make_project

BY: dict[str, Any] = {"actor": SYSTEM, "context": CONTEXT}


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_is_left_whole():
    project = make_project("team")
    failures: list[Exception] = []

    def set_all(number: int) -> None:
        content = allowlists.Content(tuple(f"CVE-{number}-{each}" for each in range(50)))
        try:
            for _ in range(5):
                allowlists.set_of_system(content, **BY)
                allowlists.set_of_project(project, content, **BY)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=set_all, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert CVEAllowlist.objects.count() == 2
    for row in CVEAllowlist.objects.all():
        assert len({item.rpartition("-")[0] for item in row.items}) == 1
        assert len(row.items) == 50


@pytest.mark.django_db
def test_a_project_that_is_gone_gets_no_list():
    project = make_project("team")
    Project.objects.all().delete()
    with pytest.raises(ProjectUnknown):
        allowlists.set_of_project(project, allowlists.NOTHING, **BY)
