import io

import pytest
from django.core.management import CommandError, call_command

from projects.models import Robot
from rbac.secret import digest_of
from tests.people import make_project

pytestmark = pytest.mark.django_db


def run(*arguments):
    out, errors = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=errors)
    return out.getvalue()


def test_createrobot_prints_the_secret_and_nothing_else_to_standard_output():
    make_project()

    printed = run("createrobot", "ci", "repository:pull", "repository:push", "--project", "team", "--days", "30")

    robot = Robot.objects.get()
    assert digest_of(printed.removesuffix("\n")) == robot.secret
    assert (robot.name, robot.duration) == ("team+ci", 30)


def test_a_robot_of_the_system_works_in_projects_or_in_all():
    make_project("team")
    make_project("club")

    run("createrobot", "two", "repository:pull", "--on", "team", "--on", "club")
    run("createrobot", "all", "repository:pull", "--on", "*")

    listed = run("listrobots").splitlines()
    assert listed[0] == "robot$all  enabled  never expires  never used  *: repository:pull"
    assert listed[1].endswith("never used  club: repository:pull  team: repository:pull")
    assert run("listrobots", "--project", "team") == ""


def test_a_robot_is_refreshed_disabled_and_deleted():
    make_project()
    first = run("createrobot", "ci", "repository:pull", "--project", "team").strip()

    second = run("refreshrobot", "robot$team+ci", "--overlap", "24").strip()
    robot = Robot.objects.get()
    assert (robot.secret, robot.previous_secret) == (digest_of(second), digest_of(first))

    run("disablerobot", "team+ci")
    assert "disabled" in run("listrobots", "--project", "team")
    run("disablerobot", "team+ci", "--enable")
    assert not Robot.objects.get().disabled

    run("deleterobot", "team+ci")
    assert not Robot.objects.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("createrobot", "ci", "repository:pull"),
        ("createrobot", "ci", "repository:pull", "--project", "nowhere"),
        ("createrobot", "ci", "repository:fly", "--project", "team"),
        ("createrobot", "C I", "repository:pull", "--project", "team"),
        ("createrobot", "ci", "repository:pull", "--project", "team", "--days", "-2"),
        ("refreshrobot", "nobody"),
        ("refreshrobot", "team+there", "--overlap", "-5"),
        ("refreshrobot", "team+there", "--overlap", "9999999999"),
        ("disablerobot", "nobody"),
        ("deleterobot", "nobody"),
        ("listrobots", "--project", "nowhere"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(arguments):
    make_project()
    run("createrobot", "there", "repository:pull", "--project", "team")

    with pytest.raises(CommandError) as error:
        run(*arguments)

    assert len(str(error.value).splitlines()) == 1
    assert Robot.objects.count() == 1
