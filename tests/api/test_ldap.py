"""/ldap: the directory tried, searched and imported from, before a real slapd."""

import socket

import pytest

from audit.models import AuditRecord
from rbac import turnstile
from rbac.credentials import authenticate
from rbac.models import User
from tests import slapd as servers
from tests.api.caller import BASE, error_of
from tests.directory import configure, directory, shared_slapd, slapd
from tests.people import make_user
from tests.slapd import GROUPS, PASSWORD, SEARCH, SEARCH_PASSWORD, group_dn

__all__ = ["configure", "directory", "shared_slapd", "slapd"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def ping(root):
    def send(**body):
        answer = root.post("ldap/ping", body)
        assert answer.status_code == 200, answer.content
        assert set(answer.json()) == {"success", "message"}
        return answer.json()

    return send


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("sent", [{}, {"ldap_search_password": ""}, {"ldap_uid": "cn", "ldap_scope": 2}])
def test_a_ping_tries_what_is_configured(ping, sent):
    assert ping(**sent) == {"success": True, "message": ""}


@pytest.mark.usefixtures("directory")
def test_a_ping_without_a_body_tries_what_is_configured(root):
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        answer = root.client.post(f"{BASE}ldap/ping", b"", content_type=kind)
        assert answer.json() == {"success": True, "message": ""}


def test_a_ping_tries_what_is_about_to_be_configured(ping, slapd):
    body = {"ldap_url": slapd.url, "ldap_search_dn": SEARCH, "ldap_base_dn": servers.BASE}
    assert ping(**body, ldap_search_password=SEARCH_PASSWORD)["success"] is True

    assert "search account" in ping(**body, ldap_search_password="wrong")["message"]
    body["ldap_base_dn"] = "dc=nowhere"
    assert "dc=nowhere" in ping(**body, ldap_search_password=SEARCH_PASSWORD)["message"]


def test_a_ping_without_any_server_fails(ping):
    assert ping() == {
        "success": False,
        "message": "error: the directory is not available: no server of it is set up",
    }


def test_a_ping_verifies_certificates_unless_it_is_told_not_to(ping, directory, configure):
    body = {"ldap_url": directory.tls_url, "ldap_search_password": SEARCH_PASSWORD}
    assert "certificate" in ping(**body)["message"].lower()
    assert ping(**body, ldap_verify_cert=False)["success"] is True

    configure(ldap_url=directory.tls_url, ldap_ca_file=str(directory.ca))
    assert ping()["success"] is True


def test_the_kept_password_goes_to_its_own_servers_only(ping, directory, configure):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        told = ping(ldap_url=f"{directory.url} ldap://127.0.0.1:{stranger.getsockname()[1]}", ldap_connection_timeout=1)
        assert told["success"] is False
        assert "ldap_search_password is needed" in told["message"]
        stranger.settimeout(0.2)
        with pytest.raises(TimeoutError):
            stranger.accept()

    assert ping(ldap_url=directory.url)["success"] is True


def test_a_ping_to_a_server_that_hangs_ends_and_keeps_nobody_from_signing_in(ping, directory):
    with servers.silent_server() as url:
        told = ping(ldap_url=url, ldap_search_password=SEARCH_PASSWORD, ldap_connection_timeout=1)

    assert told["success"] is False
    assert "no answer within" in told["message"]
    configured = ping(ldap_verify_cert=True, ldap_search_password="wrong")
    assert configured["success"] is False
    with turnstile.turn() as rests:
        assert rests == {}
    assert authenticate("lena", PASSWORD, address="192.0.2.7").name == "lena"


@pytest.mark.usefixtures("directory")
def test_one_ping_is_tried_at_a_time_and_holds_up_no_login(ping):
    with turnstile.turn("directory-test"):
        assert "somebody else" in ping()["message"]
        assert authenticate("lena", PASSWORD, address="192.0.2.7").name == "lena"
    with turnstile.turn():
        assert ping()["success"] is True


@pytest.mark.parametrize(
    "body",
    [
        {"ldap_url": "https://ldap.example.com"},
        {"ldap_url": "file:///etc/passwd"},
        {"ldap_url": "a\x00b"},
        {"ldap_filter": "(a=b)(c=d)"},
        {"ldap_uid": "uid)(cn=*"},
        {"ldap_scope": 3},
        {"ldap_scope": 10**30},
        {"ldap_connection_timeout": 3600},
        {"ldap_verify_cert": "perhaps"},
        {"ldap_search_dn": 5 * [1]},
        [],
    ],
)
def test_a_ping_with_what_cannot_be_is_refused(root, body):
    assert error_of(root.post("ldap/ping", body))[0] == 400


@pytest.mark.usefixtures("directory")
def test_people_are_searched_by_a_part_of_their_name(root):
    assert root.get("ldap/users/search", username="len").json() == [
        {"username": "lena", "realname": "Lena Example", "email": "lena@example.com"}
    ]
    assert {each["username"] for each in root.get("ldap/users/search").json()} >= {"lena", "otto", "ruth"}


def test_the_one_of_just_this_name_comes_first(root, directory):
    directory.add_person("aruth")
    assert [each["username"] for each in root.get("ldap/users/search", username="RUTH").json()] == ["ruth", "aruth"]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("name", ["*", "lena)(uid=*", "\\2a", "(", "\ud800", "x" * 5000])
def test_a_searched_name_is_no_filter(root, name):
    answer = root.get("ldap/users/search", username=name.encode("utf-8", "surrogatepass"))
    assert (answer.status_code, answer.json()) == (200, [])


def test_a_search_shows_a_bounded_number(root, directory, monkeypatch):
    from rbac import ldap  # noqa: PLC0415

    monkeypatch.setattr(ldap, "_MATCHES", 3)
    assert len(root.get("ldap/users/search").json()) == 3


@pytest.mark.usefixtures("directory")
def test_people_are_imported_each_by_itself(root):
    make_user("otto")
    answer = root.post("ldap/users/import", {"ldap_uid_list": ["lena", "nobody", "", "otto", "twin", "LENA", "a\x00"]})
    assert answer.status_code == 400  # REST framework's: a NUL in a text

    answer = root.post("ldap/users/import", {"ldap_uid_list": ["lena", "nobody", "", "otto", "twin", "LENA", "*"]})

    assert answer.status_code == 404
    assert answer.json() == [
        {"uid": "nobody", "error": "unknown_user"},
        {"uid": "", "error": "empty_uid"},
        {"uid": "otto", "error": "there is a local user otto"},
        {"uid": "twin", "error": "unknown_user"},
        {"uid": "*", "error": "unknown_user"},
    ]
    user = User.objects.get(username="lena")
    assert (user.email, user.has_usable_password()) == ("lena@example.com", False)
    record = AuditRecord.objects.get(operation="create", resource_type="user")
    assert (record.actor, record.resource) == ("admin", "lena")


@pytest.mark.usefixtures("directory")
def test_an_import_of_known_people_changes_nothing_and_is_fine(root, directory):
    for _ in range(2):
        answer = root.post("ldap/users/import", {"ldap_uid_list": ["lena", "ruth", "lena"]})
        assert (answer.status_code, answer.content) == (200, b"")
    assert User.objects.filter(username__in=["lena", "ruth"]).count() == 2


def test_an_import_of_many_asks_the_directory_a_few_times(root, directory):
    before = directory.reads()
    names = [f"nobody{n}" for n in range(120)]
    assert len(root.post("ldap/users/import", {"ldap_uid_list": [*names, "lena"]}).json()) == 120
    assert directory.reads() - before == 3
    assert User.objects.filter(username="lena").exists()


@pytest.mark.parametrize(
    "body", [{}, [], {"ldap_uid_list": None}, {"ldap_uid_list": "lena"}, {"ldap_uid_list": [1, [2]]},
             {"ldap_uid_list": ["x"] * 501}, {"ldap_uid_list": ["x" * 256]}],
)  # fmt: skip
def test_an_import_that_makes_no_sense_is_refused(root, body):
    assert error_of(root.post("ldap/users/import", body))[0] == 400


@pytest.mark.usefixtures("directory")
def test_groups_are_searched_by_name_or_dn(root):
    builders = {"group_name": "builders", "group_type": 1, "ldap_group_dn": group_dn("builders")}
    assert root.get("ldap/groups/search", groupname="BUILD").json() == [builders]
    for dn in (group_dn("builders"), f"CN=Builders, {GROUPS}"):
        assert root.get("ldap/groups/search", groupdn=dn).json() == [builders]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 404),
        ({"groupname": "nobody"}, 404),
        ({"groupname": "*"}, 404),
        ({"groupdn": group_dn("nobody")}, 404),
        ({"groupdn": servers.person_dn("lena")}, 404),
        ({"groupdn": servers.BASE}, 404),
        ({"groupdn": f"cn=x\\,{GROUPS}"}, 400),
        ({"groupdn": "no dn at all"}, 400),
        ({"groupdn": "cn="}, 400),
    ],
)
def test_a_group_that_is_not_there_is_404(root, query, status):
    assert error_of(root.get("ldap/groups/search", **query))[0] == status


def test_without_a_directory_it_says_so(root):
    assert error_of(root.get("ldap/users/search", username="x")) == (400, "BAD_REQUEST")
    assert error_of(root.get("ldap/groups/search", groupname="x")) == (400, "BAD_REQUEST")
    assert error_of(root.post("ldap/users/import", {"ldap_uid_list": ["x"]})) == (400, "BAD_REQUEST")


@pytest.mark.usefixtures("directory")
def test_an_administrator_is_told_why_a_directory_does_not_answer(root, configure):
    dead = servers.dead_url()
    configure(ldap_url=dead)
    answer = root.get("ldap/users/search", username="x")
    assert error_of(answer) == (503, "UNAVAILABLE")
    assert answer["Retry-After"]
    assert dead in answer.json()["errors"][0]["message"]
    assert SEARCH_PASSWORD not in answer.content.decode()
