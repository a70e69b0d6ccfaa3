import io

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditRecord
from projects.models import Project
from rbac.models import User
from tests.people import PASSWORD, make_user
from tokens.models import SigningKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def bootstrap(monkeypatch):
    def run(password=None):
        if password is None:
            monkeypatch.delenv("ROADSTEAD_ADMIN_PASSWORD", raising=False)
        else:
            monkeypatch.setenv("ROADSTEAD_ADMIN_PASSWORD", password)
        out = io.StringIO()
        call_command("bootstrap", stdout=out)
        return out.getvalue()

    return run


def test_it_makes_the_administrator_the_library_and_the_key(bootstrap):
    bootstrap(PASSWORD)

    admin = User.objects.get()
    assert (admin.pk, admin.username, admin.is_admin) == (1, "admin", True)
    assert admin.check_password(PASSWORD)
    project = Project.objects.get()
    assert (project.name, project.public, project.owner) == ("library", True, admin)
    assert SigningKey.objects.count() == 1
    assert {r.actor for r in AuditRecord.objects.all()} == {"system"}


def test_the_second_time_it_changes_nothing(bootstrap):
    bootstrap(PASSWORD)
    before = User.objects.values().get(), AuditRecord.objects.count(), SigningKey.objects.values().get()

    assert "already" in bootstrap()
    assert "already" in bootstrap("Another-Horse-9")

    assert (User.objects.values().get(), AuditRecord.objects.count(), SigningKey.objects.values().get()) == before


def test_users_made_before_it_leave_id_1_alone(bootstrap):
    assert make_user("alice").pk > 1

    bootstrap(PASSWORD)

    assert User.objects.get(pk=1).username == "admin"


@pytest.mark.parametrize(
    ("password", "words"),
    [(None, "ROADSTEAD_ADMIN_PASSWORD"), ("", "ROADSTEAD_ADMIN_PASSWORD"), ("short", "ROADSTEAD_ADMIN_PASSWORD")],
)
def test_it_says_in_one_line_what_is_wrong_with_the_password(bootstrap, password, words):
    with pytest.raises(CommandError, match=words) as error:
        bootstrap(password)

    assert len(str(error.value).splitlines()) == 1
    assert not User.objects.exists()
    assert not Project.objects.exists()
