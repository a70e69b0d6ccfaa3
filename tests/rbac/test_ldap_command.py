"""`manage.py ldap`."""

import io

import pytest
from django.core.management import CommandError, call_command

from rbac.models import Group, User
from tests import slapd as servers
from tests.slapd import SEARCH_PASSWORD, group_dn

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = io.StringIO()
    call_command("ldap", *arguments, stdout=out)
    return out.getvalue()


def test_it_tries_every_server(directory, configure):
    configure(ldap_url=f"{directory.url} {directory.tls_url}", ldap_ca_file=str(directory.ca))
    assert run("test") == "2 of 2 servers answer\n"

    dead = servers.dead_url()
    configure(ldap_url=f"{directory.url} {dead}")
    for _ in range(2):
        with pytest.raises(CommandError, match=dead) as error:
            run("test")
        assert SEARCH_PASSWORD not in str(error.value)


@pytest.mark.usefixtures("configure")
def test_without_a_directory_it_says_so():
    with pytest.raises(CommandError, match="no server of it is set up"):
        run("test")


@pytest.mark.usefixtures("directory")
def test_it_searches_people_and_groups():
    assert run("search", "len") == f"lena\tlena@example.com\tuid=lena,{servers.PEOPLE}\n"
    assert len(run("search").splitlines()) >= 6
    assert run("search", "*") == ""
    assert run("search", "--groups", "build") == f"builders\t{group_dn('builders')}\n"


@pytest.mark.usefixtures("directory")
def test_it_imports_people_and_groups():
    out = run("import", "lena", "otto", "--group", group_dn("builders"), "--as", "makers")

    assert "user lena imported" in out
    assert set(User.objects.values_list("username", flat=True)) == {"lena", "otto"}
    assert Group.objects.get(kind="ldap").name == "makers"
    with pytest.raises(CommandError, match="nobody"):
        run("import", "nobody")
