"""/configurations and /internalconfig: who sets what, and how it is shown."""

import json

import pytest
import yaml

from audit.models import AuditRecord
from configuration import actions, values
from configuration.items import ITEMS
from tests.api.caller import NOBODY, error_of
from tests.api.compatibility import CONTRACT
from tests.audit.collector import collector
from tests.people import CONTEXT, make_user
from tests.slapd import dead_url

pytestmark = pytest.mark.django_db

SECRET = "hunter2-and-more"
DIRECTORY = {"ldap_url": "ldap://ldap.example.com", "ldap_base_dn": "dc=example,dc=com"}


@pytest.fixture
def put(root):
    """Change items as the first administrator; what the process remembers of them is forgotten."""

    def change(**items):
        answer = root.put("configurations", items)
        values.forget()
        return answer

    return change


def value(root, name):
    return root.get("configurations").json()[name]["value"]


def definition(name):
    return yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))["definitions"][name]["properties"]


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract isn't here")
def test_every_item_of_the_contract_is_known_and_of_its_type(root):
    kinds = {"string": str, "boolean": bool, "integer": int}
    told = {name: kinds[each["type"]] for name, each in definition("Configurations").items()}
    assert told == {name: item.kind for name, item in ITEMS.items() if item.contract}

    answer = root.get("configurations").json()
    assert set(definition("ConfigurationsResponse")) - set(answer) == {"uaa_client_secret"}
    for name, each in answer.items():
        if name != "scan_all_policy":
            assert set(each) == {"value", "editable"}
            assert type(each["value"]) is ITEMS[name].kind


def test_an_administrator_changes_some_items_and_the_others_stay(root, put):
    assert put(banner_message='{"message": "hello"}', token_expiration=30).status_code == 200

    assert value(root, "banner_message") == '{"message": "hello"}'
    assert root.get("configurations").json()["token_expiration"] == {"value": 30, "editable": True}
    assert value(root, "session_timeout") == ITEMS["session_timeout"].default
    record = AuditRecord.objects.get(resource_type="configuration")
    assert (record.actor, record.operation, record.resource) == ("admin", "update", "banner_message, token_expiration")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"token_expiration": "30"}, 30),
        ({"token_expiration": 30.0}, 30),
        ({"read_only": "true"}, True),
        ({"read_only": "False"}, False),
        ({"storage_per_project": "-1"}, -1),
        ({"storage_per_project": "1099511627776"}, 1 << 40),
        ({"ldap_filter": "objectClass=person"}, "objectClass=person"),
    ],
)
def test_numbers_and_flags_may_be_written_as_text(root, put, given, kept):
    (name,) = given
    assert put(**given).status_code == 200
    assert value(root, name) == kept


@pytest.mark.parametrize(
    "given",
    [
        {"token_expiration": 0},
        {"token_expiration": "five"},
        {"token_expiration": 5.5},
        {"token_expiration": True},
        {"token_expiration": 10**400},
        {"token_expiration": [5]},
        {"read_only": 1},
        {"read_only": "perhaps"},
        {"banner_message": 5},
        {"banner_message": {"message": "x"}},
        {"banner_message": "a\x00"},
        {"banner_message": "\ud800"},
        {"banner_message": "x" * 100_000},
        {"auth_mode": "http_auth"},
        {"auth_mode": "ldap_auth"},
        {"ldap_url": "https://ldap.example.com"},
        {"ldap_filter": "(a=b)(c=d)"},
        {"project_creation_restriction": "nobody"},
        {"audit_log_forward_endpoint": "somewhere"},
        {"audit_log_forward_endpoint": "host:99999"},
        {"disabled_audit_log_event_types": "pull artifact;delete"},
        {"skip_audit_log_database": True},
    ],
)
def test_a_value_that_cannot_be_is_refused_and_nothing_is_changed(root, put, given):
    before = root.get("configurations").json()

    assert error_of(put(session_timeout=9, **given)) == (400, "BAD_REQUEST")

    assert root.get("configurations").json() == before


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"5", b"{", b"[" * 100_000, b'{"read_only": NaN}'])
def test_a_body_that_is_no_object_is_refused(root, body):
    assert error_of(root.put("configurations", body))[0] == 400


def test_what_is_no_item_is_ignored_and_null_changes_nothing(root, put):
    assert put(email_host="mail", scan_all_policy={"type": "daily"}, token_expiration=None, primary_auth_mode=True)
    answer = root.get("configurations").json()
    assert "email_host" not in answer
    assert answer["scan_all_policy"] == {"type": "none"}
    assert answer["token_expiration"]["value"] == ITEMS["token_expiration"].default
    assert answer["primary_auth_mode"]["value"] is True


@pytest.mark.parametrize("path", ["configurations", "internalconfig"])
def test_a_secret_is_taken_and_never_shown(root, put, path):
    for name in [name for name, item in ITEMS.items() if item.secret]:
        assert put(**{name: SECRET}).status_code == 200
        answer = root.get(path)
        assert name not in answer.json()
        assert SECRET not in answer.content.decode()
    assert SECRET not in str(AuditRecord.objects.values())


def test_an_item_of_the_environment_is_shown_as_frozen_and_stays(root, put, monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_READ_ONLY", "false")
    values.forget()

    assert root.get("configurations").json()["read_only"] == {"value": False, "editable": False}
    assert error_of(put(read_only=True)) == (403, "FORBIDDEN")
    assert put(read_only=False).status_code == 200


def test_the_mode_is_chosen_before_there_are_people(root, put):
    assert root.get("configurations").json()["auth_mode"] == {"value": "db_auth", "editable": True}
    assert put(auth_mode="ldap_auth", **DIRECTORY).status_code == 200

    make_user("lena")

    assert root.get("configurations").json()["auth_mode"] == {"value": "ldap_auth", "editable": False}
    assert error_of(put(auth_mode="db_auth")) == (400, "BAD_REQUEST")
    assert put(auth_mode="ldap_auth", ldap_timeout=9).status_code == 200


def test_the_operator_at_the_console_may_change_the_mode_nevertheless(root):
    make_user("lena")
    actions.update({"auth_mode": "ldap_auth", **DIRECTORY}, actor="system", context=CONTEXT, guarded=False)
    assert value(root, "auth_mode") == "ldap_auth"


def test_read_only_mode_is_ended_as_it_began(root, put, alice):
    assert put(read_only=True).status_code == 200
    assert error_of(root.post("projects", {"project_name": "x"})) == (403, "DENIED")
    assert error_of(alice.put("configurations", {"read_only": False})) == (403, "FORBIDDEN")

    assert put(read_only=False).status_code == 200
    assert root.post("projects", {"project_name": "x"}).status_code == 201


def test_the_internal_configuration_is_for_administrators_too(root, alice):
    assert error_of(alice.get("internalconfig")) == (403, "FORBIDDEN")
    assert error_of(NOBODY.get("internalconfig")) == (401, "UNAUTHORIZED")
    answer = root.get("internalconfig").json()
    assert json.dumps(answer["ldap_timeout"]) == '{"value": 5, "editable": true}'


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_server_that_records_go_to_must_be_there(root, put, protocol):
    with collector(protocol) as server:
        endpoint = server.url.removeprefix("tcp://")
        assert put(audit_log_forward_endpoint=endpoint, skip_audit_log_database=True).status_code == 200
    assert put(audit_log_forward_endpoint=endpoint, banner_message="x").status_code == 200  # the one there is

    assert put(audit_log_forward_endpoint=dead_url().removeprefix("ldap://")).status_code == 400
    assert put(audit_log_forward_endpoint="collector.invalid:514").status_code == 400
    assert value(root, "audit_log_forward_endpoint") == endpoint


def test_records_are_not_given_up_for_a_server_that_is_not_set(root, put):
    with collector() as server:
        assert put(audit_log_forward_endpoint=server.url, skip_audit_log_database=True).status_code == 200
    assert error_of(put(audit_log_forward_endpoint=""))[0] == 400
    assert put(audit_log_forward_endpoint="", skip_audit_log_database=False).status_code == 200
