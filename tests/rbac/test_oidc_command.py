"""`manage.py oidc`."""

import io

import pytest
from django.core.management import CommandError, call_command

from rbac.models import Group
from tests.people import make_user
from tests.provider import ProviderProcess

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_it_tries_the_provider(provider: ProviderProcess):
    assert run("oidc", "test") == f"{provider.url} answers and can be used\n"


def test_it_says_what_is_wrong_in_one_line(configure):
    configure(oidc_endpoint="http://127.0.0.1:1")
    with pytest.raises(CommandError, match=r"http://127\.0\.0\.1:1: .*refused"):
        run("oidc", "test")


def test_a_group_of_the_providers_is_made_before_anybody_of_it_came():
    run("creategroup", "builders", "--oidc")
    assert Group.objects.get().kind == Group.Kind.OIDC


def test_nobody_is_put_into_one_by_hand(db):
    make_user("alice")
    with pytest.raises(CommandError, match="the provider says"):
        run("creategroup", "builders", "alice", "--oidc")
    assert not Group.objects.exists()
