"""Tokens for people of the directory."""

import pytest

from projects.models import Member
from rbac import directory as rows
from rbac.actors import SYSTEM
from rbac.memory import memory
from rbac.models import Role, User
from tests import slapd as servers
from tests.people import CONTEXT, join, make_project, make_user
from tests.people import PASSWORD as LOCAL_PASSWORD
from tests.roundtrips import counted
from tests.slapd import PASSWORD, group_dn
from tests.tokens.service import access_in, get, post, trail
from tokens.verify import verify

pytestmark = pytest.mark.django_db

SCOPE = "repository:team/app:pull,push"


@pytest.fixture
def builders(directory):
    """The directory's group `builders`, which builds in `team`."""
    group = rows.import_group(group_dn("builders"), actor=SYSTEM, context=CONTEXT)
    Member.objects.create(project=make_project(), group=group, role=Role.objects.get(name="developer"))
    return group


@pytest.mark.usefixtures("builders")
def test_a_first_login_has_the_rights_of_the_persons_groups_at_once():
    response = get(SCOPE, user="lena", password=PASSWORD)

    assert access_in(response) == {"repository:team/app": {"pull", "push"}}
    assert verify(response.json()["token"]).subject == "lena"
    assert ("lena", "login", "user", "lena", "success") in trail()
    assert access_in(get(SCOPE, user="ruth", password=PASSWORD)) == {}


@pytest.mark.usefixtures("builders")
def test_a_name_in_other_letters_is_granted_what_the_user_is():
    response = get(SCOPE, user="LENA", password=PASSWORD)

    assert access_in(response) == {"repository:team/app": {"pull", "push"}}
    assert verify(response.json()["token"]).subject == "lena"


@pytest.mark.usefixtures("builders")
def test_a_remembered_credential_costs_one_round_trip_and_no_question_to_the_directory(directory):
    for _ in range(2):
        get(SCOPE, user="lena", password=PASSWORD)
    before = directory.reads()

    with counted() as trips:
        response = get(SCOPE, user="lena", password=PASSWORD)

    assert response.status_code == 200
    assert trips() == 1
    assert directory.reads() == before


@pytest.mark.usefixtures("directory")
def test_a_wrong_password_is_401():
    assert get(SCOPE, user="lena", password="wrong").status_code == 401
    assert ("lena", "login", "user", "lena", "failure") in trail()
    assert not User.objects.exists()


@pytest.mark.usefixtures("directory")
def test_there_is_no_refresh_token_that_would_outlive_the_entry():
    assert "refresh_token" not in get(user="lena", password=PASSWORD, offline_token="true").json()
    answer = post(grant_type="password", username="lena", password=PASSWORD, access_type="offline")
    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
    make_user()
    assert "refresh_token" in get(user="alice", offline_token="true").json()


def test_a_directory_that_is_away_is_503_and_only_for_its_own_people(directory, configure):
    join(make_project(), make_user(), "developer")
    given = get(SCOPE, user="lena", password=PASSWORD).json()["token"]
    memory.forget()
    User.objects.filter(username="lena").update(password="!anew")  # so that Redis remembers nothing of it
    with servers.silent_server() as url:
        configure(ldap_url=url, ldap_timeout=1)

        refused = get(SCOPE, user="lena", password=PASSWORD)

        assert refused.status_code == 503
        assert int(refused["Retry-After"]) > 0
        assert "ldap" not in refused.content.decode()
        assert verify(given).subject == "lena"
        assert access_in(get(SCOPE, user="alice", password=LOCAL_PASSWORD)) == {"repository:team/app": {"pull", "push"}}
