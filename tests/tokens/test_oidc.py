"""docker login of people of the OpenID provider: by a personal access token, and by nothing else."""

import pytest

from projects import personal
from rbac import actions, onboarding
from rbac.actors import SYSTEM, Actor
from rbac.models import Group, User
from rbac.oidc import Person
from tests.people import CONTEXT, PASSWORD, join, make_project
from tests.tokens.service import access_in, get, post

pytestmark = pytest.mark.django_db
SCOPE = "repository:team/app:pull,push"


@pytest.fixture
def petra(configure) -> User:
    configure(auth_mode="oidc_auth", oidc_endpoint="http://127.0.0.1:1", oidc_auto_onboard=True)
    person = Person("http://127.0.0.1:1", "petra", name="petra", groups=("builders",))
    account = onboarding.sign_in(person, context=CONTEXT)
    assert account
    return User.objects.get(pk=account.id)


def make_token(user: User) -> str:
    owner = Actor(kind="user", name=user.username, user_id=user.pk)
    return personal.create(user, "laptop", {None: ["*"]}, duration=1, actor=owner, context=CONTEXT)[1]


def test_a_personal_token_is_the_password_and_groups_count(petra):
    join(make_project("team"), Group.objects.get(name="builders"), "developer")
    token = make_token(petra)
    assert access_in(get(SCOPE, user="petra", password=token)) == {"repository:team/app": {"pull", "push"}}
    onboarding.sign_in(Person("http://127.0.0.1:1", "petra", name="petra"), context=CONTEXT)
    assert access_in(get(SCOPE, user="petra", password=token)) == {}


def test_it_outlives_the_providers_session_but_no_lock(petra):
    token = make_token(petra)
    assert get(user="petra", password=token).status_code == 200
    actions.lock_user(petra, actor=SYSTEM, context=CONTEXT)
    assert get(user="petra", password=token).status_code == 401


def test_it_brings_no_refresh_token(petra):
    answer = get(user="petra", password=make_token(petra), offline_token="true", client_id="docker")
    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()


@pytest.mark.parametrize("password", ["", "!", PASSWORD, "x.y.z", "rspat_" + "a" * 43])
def test_nothing_else_is(petra, password):
    assert get(user="petra", password=password).status_code == 401
    assert get(user="petra", password=petra.password).status_code == 401
    answer = post(grant_type="password", username="petra", password=password)
    assert answer.status_code == 401
