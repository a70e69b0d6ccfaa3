"""A task's log as it grows: only what comes after the last line is asked for, until the task is over."""

import re

import pytest
from django.utils import timezone

from replication.models import Execution, LogLine, State, Task
from tests.api import stage
from tests.portal.browser import Browser

pytestmark = pytest.mark.django_db
_TASK = f"/administration/replication/executions/{stage.ID}/tasks/{stage.ID}"


@pytest.fixture
def admin(upstream) -> Browser:
    stage.build()
    LogLine.objects.all().delete()
    Execution.objects.filter(pk=stage.ID).update(state=State.IN_PROGRESS, ended_at=None)
    Task.objects.filter(pk=stage.ID).update(state=State.IN_PROGRESS, ended_at=None)
    made = Browser()
    made.sign_in("admin")
    return made


def tell(*texts: str) -> None:
    LogLine.objects.bulk_create([LogLine(task_id=stage.ID, text=text) for text in texts])


def shown(page: str) -> list[str]:
    return re.findall(r'<span class="break">([^<]*)</span>', page)


def tail(page: str) -> str:
    found = re.search(r'id="tail" hx-get="([^"]+)"', page)
    return found[1] if found else ""


def test_only_what_is_new_is_answered(admin):
    tell("one", "two")
    page = admin.text(_TASK)
    assert shown(page) == ["one", "two"]
    following = admin.text(tail(page))
    assert shown(following) == []
    tell("three", "<i>four</i>")
    following = admin.text(tail(following))
    assert shown(following) == ["three", "&lt;i&gt;four&lt;/i&gt;"]
    assert shown(admin.text(tail(following))) == []


def test_it_ends_with_the_task_and_loses_no_line(admin):
    page = admin.text(_TASK)
    tell("the end")
    Task.objects.update(state=State.SUCCEED, ended_at=timezone.now())
    following = admin.text(tail(page))
    assert (shown(following), tail(following)) == (["the end"], "")
    assert tail(admin.text(_TASK)) == ""


def test_of_a_long_log_the_end_is_shown_first_and_the_rest_by_links(admin):
    tell(*(f"{number}" for number in range(450)))
    page = admin.text(_TASK)
    assert shown(page) == [f"{number}" for number in range(250, 450)]
    before = re.search(r'href="(\?before=[^"]+)"', page)
    assert before
    earlier = admin.text(_TASK + before[1])
    assert (shown(earlier), tail(earlier)) == ([f"{number}" for number in range(50, 250)], "")
    later = re.search(r'href="(\?after=[^"]+)"', earlier)
    assert later
    assert tail(admin.text(_TASK + later[1])) != ""


def test_more_than_one_answer_holds_comes_in_several(admin):
    page = admin.text(_TASK)
    tell(*(f"{number}" for number in range(450)))
    Task.objects.update(state=State.SUCCEED, ended_at=timezone.now())
    found: list[str] = []
    path = tail(page)
    while path:
        piece = admin.text(path)
        found, path = found + shown(piece), tail(piece)
    assert found == [f"{number}" for number in range(450)]


def test_nobody_else_may_read_it(admin):
    assert Browser().get(f"{_TASK}/lines?since=0").status_code == 302
    assert admin.get(f"{_TASK}/lines?since=nonsense").status_code == 200
    assert admin.get(f"{_TASK.replace('/tasks/', '/tasks/1')}/lines").status_code == 404
