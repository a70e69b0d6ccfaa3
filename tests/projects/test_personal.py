"""Personal access tokens: what they are made of and what is recorded of them."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditRecord
from projects import personal
from projects.errors import GrantTooWide, InvalidPersonalToken, PersonalTokenExists, PersonalTokenUnknown
from projects.grants import Permissions
from projects.models import PersonalToken, Project
from rbac.actors import SYSTEM, Actor
from rbac.errors import InvalidPermission
from rbac.policy import SYSTEM_SCOPE, can
from rbac.reach import Reach
from rbac.secret import digest_of
from tests.people import CONTEXT, join, make_project, make_user

pytestmark = pytest.mark.django_db


def make(user, name="laptop", permissions=None, *, duration=90, actor=SYSTEM):
    permissions = {None: ["*"]} if permissions is None else permissions
    return personal.create(user, name, permissions, duration=duration, actor=actor, context=CONTEXT)


def test_only_a_digest_is_kept_and_the_prefix_tells_what_it_is():
    token, secret = make(make_user())

    assert re.fullmatch(r"rspat_[\w-]{43}", secret)
    assert personal.is_personal(secret)
    assert token.digest == digest_of(secret)
    assert token.expires_at is not None
    assert timedelta(days=89) < token.expires_at - datetime.now(UTC) <= timedelta(days=90)
    record = AuditRecord.objects.get()
    assert (record.operation, record.resource_type, record.resource) == ("create", "token", "alice/laptop")
    assert record.detail == {"duration": 90, "permissions": {"*": ["*"]}}
    assert secret not in str(AuditRecord.objects.values().get())


@pytest.mark.parametrize("text", ["", "rspat_", "rspat_" + "x" * 42, "rspat_" + "x" * 44, "rspat_" + "ü" * 43])
def test_a_password_is_no_token(text):
    assert not personal.is_personal(text)


@pytest.mark.parametrize("name", ["", " ", " a", "a\n", "x" * 65, "\x00"])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(InvalidPersonalToken):
        make(make_user(), name)


@pytest.mark.parametrize("duration", [0, -2, 10**9])
def test_a_duration_is_for_ever_or_some_days(duration):
    with pytest.raises(InvalidPersonalToken):
        make(make_user(), duration=duration)


def test_a_permission_that_is_none_is_refused():
    user = make_user()
    with pytest.raises(InvalidPermission):
        make(user, permissions={None: ["repository:fly"]})
    nothings: list[Permissions] = [{}, {None: []}]
    for nothing in nothings:
        with pytest.raises(InvalidPersonalToken):
            make(user, permissions=nothing)


def test_a_name_is_given_once_to_a_user():
    alice, bob = make_user("alice"), make_user("bob")
    make(alice)
    make(bob)

    with pytest.raises(PersonalTokenExists):
        make(alice)


def test_who_is_bounded_makes_no_tokens():
    user = make_user()
    bounded = Actor(kind="user", name="alice", user_id=user.pk, reach=Reach(frozenset({("*", "*")}), token=1))

    with pytest.raises(GrantTooWide):
        make(user, actor=bounded)


@pytest.mark.parametrize(
    ("pairs", "held", "may"),
    [
        ({("team", "*")}, False, {"repository:pull", "repository:push"}),
        ({("*", "repository:push")}, False, {"repository:push"}),
        ({("team", "artifact:delete")}, False, set()),
        ({("club", "*")}, False, set()),
        ({("team", "*")}, True, {"repository:pull", "repository:push", "artifact:delete"}),
        (set(), False, set()),
    ],
)
def test_the_one_question_takes_both_the_roles_and_the_reach(pairs, held, may):
    user, project = make_user(), make_project()
    join(project, user, "developer")
    actor = Actor(kind="user", name="alice", user_id=user.pk, reach=Reach(frozenset(pairs), held=held, token=1))

    asked = {"repository:pull", "repository:push", "artifact:delete"}

    assert {permission for permission in asked if can(actor, permission, project)} == may
    assert not can(actor, "user:create", SYSTEM_SCOPE)


def test_a_bounded_user_sees_what_both_it_and_its_token_may_see():
    user = make_user()
    join(make_project("team"), user, "guest")
    join(make_project("club"), user, "guest")
    make_project("other")
    make_project("open", public=True)

    def seen(*pairs):
        actor = Actor(kind="user", name="alice", user_id=user.pk, reach=Reach(frozenset(pairs), token=1))
        return sorted(Project.objects.visible_to(actor).values_list("name", flat=True))

    assert seen(("team", "*"), ("other", "*")) == ["open", "team"]
    assert seen(("*", "repository:pull")) == ["club", "open", "team"]
    assert seen() == ["open"]


def test_a_revoked_token_leaves_its_record():
    user = make_user()
    token, _ = make(user)

    personal.revoke(token, actor=SYSTEM, context=CONTEXT)

    assert not PersonalToken.objects.exists()
    with pytest.raises(PersonalTokenUnknown):
        personal.find(user, "laptop")
    assert AuditRecord.objects.get(operation="delete").resource == "alice/laptop"


def run(*arguments):
    out, errors = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=errors)
    return out.getvalue()


def test_the_commands_make_list_and_revoke():
    make_user()
    make_project()

    secret = run("createtoken", "alice", "laptop").removesuffix("\n")
    run("createtoken", "alice", "ci", "repository:pull", "--on", "team", "--days", "-1")

    assert PersonalToken.objects.get(name="laptop").digest == digest_of(secret)
    ci, laptop = run("listtokens", "alice").splitlines()
    assert ci == "ci  never expires  never used  team: repository:pull"
    assert laptop.endswith("never used  *: *")
    run("revoketoken", "alice", "laptop")
    assert PersonalToken.objects.get().name == "ci"


@pytest.mark.parametrize(
    "arguments",
    [
        ("createtoken", "nobody", "x"),
        ("createtoken", "alice", ""),
        ("createtoken", "alice", "x", "repository:fly"),
        ("createtoken", "alice", "x", "--on", "nowhere"),
        ("createtoken", "alice", "x", "--days", "0"),
        ("listtokens", "nobody"),
        ("revoketoken", "alice", "x"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(arguments):
    make_user()

    with pytest.raises(CommandError) as error:
        run(*arguments)

    assert len(str(error.value).splitlines()) == 1
    assert not PersonalToken.objects.exists()
