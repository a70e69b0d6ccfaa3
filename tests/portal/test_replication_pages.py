"""The pages about replication: for whom they are, how many queries they take, and what comes of their forms."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configuration import values
from rbac.models import Session
from replication import endpoints
from replication.models import Absence, Endpoint, Execution, LogLine, Policy, State, Task
from tests.api import stage
from tests.people import make_user
from tests.portal.browser import Browser
from tests.roundtrips import fewest

pytestmark = pytest.mark.django_db

_REGISTRIES = "/administration/registries"
_REPLICATION = "/administration/replication"
_POLICY = f"{_REPLICATION}/{stage.ID}"
_EXECUTION = f"{_REPLICATION}/executions/{stage.ID}"
PAGES = [
    _REGISTRIES,
    f"{_REGISTRIES}?q=se",
    f"{_REGISTRIES}/new",
    f"{_REGISTRIES}/new?kind=aws-ecr",
    f"{_REGISTRIES}/new?kind=google-gcr",
    f"{_REGISTRIES}/new?kind=nothing",
    f"{_REGISTRIES}/{stage.ID}",
    f"{_REGISTRIES}/{stage.ID}/delete",
    _REPLICATION,
    f"{_REPLICATION}?q=se",
    f"{_REPLICATION}/new",
    f"{_REPLICATION}/flows",
    f"{_REPLICATION}/queues",
    f"{_REPLICATION}/executions",
    f"{_REPLICATION}/going",
    _POLICY,
    f"{_POLICY}/edit",
    f"{_POLICY}/delete",
    _EXECUTION,
    f"{_EXECUTION}?state=Failed",
    f"{_EXECUTION}/tasks/{stage.ID}",
]
DEEDS = [
    f"{_REGISTRIES}/new",
    f"{_REGISTRIES}/{stage.ID}",
    f"{_REGISTRIES}/{stage.ID}/check",
    f"{_REGISTRIES}/{stage.ID}/delete",
    f"{_REPLICATION}/new",
    f"{_REPLICATION}/preview",
    f"{_POLICY}/edit",
    f"{_POLICY}/start",
    f"{_POLICY}/switch",
    f"{_POLICY}/delete",
    f"{_EXECUTION}/stop",
    f"{_EXECUTION}/retry",
]


@pytest.fixture
def browsers() -> dict[str, Browser]:
    stage.build()
    make_user("stranger")
    found = {"nobody": Browser(), "stranger": Browser(), "somebody": Browser(), "admin": Browser()}
    for name in ("stranger", "somebody", "admin"):
        assert found[name].sign_in(name).status_code == 302
    return found


@pytest.fixture
def admin(browsers: dict[str, Browser]) -> Browser:
    return browsers["admin"]


def send(browser: Browser, path: str, **fields: Any) -> Any:
    return browser.post(path, {"csrf_token": browser.csrf_token, **fields})


@pytest.mark.parametrize("partial", [False, True])
def test_they_are_for_system_administrators_alone(browsers: dict[str, Browser], partial: bool):
    headers = {"HX-Request": "true"} if partial else {}
    expected = {"nobody": {302, 204}, "stranger": {403}, "somebody": {403}, "admin": {200, 286}}
    wrong = [
        (path, name, found)
        for path in PAGES
        for name, browser in browsers.items()
        if (found := browser.get(path, headers=headers).status_code) not in expected[name]
    ]
    assert not wrong


def test_what_they_do_is_refused_to_everybody_else(browsers: dict[str, Browser]):
    for path in DEEDS:
        assert {send(browsers[name], path).status_code for name in ("stranger", "somebody")} == {403}, path
        assert browsers["admin"].post(path, {}).status_code == 403, path  # without the page's token
        assert send(browsers["admin"], path).status_code not in {403, 500}, path


_POLICY_FORM = {
    "name": "outward", "direction": "push", "registry": str(stage.ID), "tags_how": "matches", "labels_how": "matches",
    "kind": "artifact", "flatten": "-1", "trigger": "manual", "enabled": "on",
}  # fmt: skip


def words(answer: Any) -> str:
    return " ".join(unescape(answer.content.decode()).split())


def test_no_page_takes_more_queries_for_more_rows(admin: Browser):
    paths = [path for path in PAGES if "?" not in path and not path.endswith(("/delete", "/new"))]
    Execution.objects.create(policy_id=stage.ID, trigger="manual")

    def costs() -> dict[str, int]:
        return {path: fewest(partial(admin.get, path)) for path in paths}

    before = costs()
    execution = Execution.objects.get(pk=stage.ID)
    for number in range(12):
        more = Endpoint.objects.create(name=f"more-{number}", kind="harbor", url=f"https://more-{number}.example.com")
        policy = Policy.objects.create(name=f"more-{number}", source=more)
        policy.executions.create(trigger="manual")
        Execution.objects.create(policy_id=stage.ID, trigger="manual", ended_at=now())
        task = Task.objects.create(execution=execution, source=f"team/{number}", destination="x", reference="x")
        LogLine.objects.create(task_id=stage.ID, text=str(task))
        stage.fill_more(number)
    assert costs() == before
    assert max(before.values()) <= 14


def test_the_secret_of_a_registry_is_on_no_page(admin: Browser, distribution, monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_REPLICATION_LOCAL_ADDRESSES", "true")
    values.forget()
    given = {"name": "wall", "kind": "docker-registry", "url": distribution.url, "access_key": "robot", "deed": "save"}
    made = send(admin, f"{_REGISTRIES}/new", **given, secret="hidden-word")
    assert made.status_code == 302, words(made)
    kept = Endpoint.objects.get(name="wall")
    assert (kept.healthy, kept.access_key) == (True, "robot")
    edited = send(admin, f"{_REGISTRIES}/{kept.pk}", **{**given, "name": "wall 2"})
    assert edited.status_code == 302, words(edited)
    kept.refresh_from_db()
    assert (kept.name, endpoints.settings_of(kept).secret) == ("wall 2", "hidden-word")
    refused = send(admin, f"{_REGISTRIES}/new", **{**given, "name": ""}, secret="hidden-word")
    for page in (refused, admin.get(f"{_REGISTRIES}/{kept.pk}"), admin.get(_REGISTRIES)):
        assert "hidden-word" not in words(page)


def test_a_registry_that_does_not_answer_is_not_kept_and_says_why(admin: Browser):
    given = {"name": "gone", "kind": "docker-registry", "url": "https://127.0.0.1:1"}
    refused = send(admin, f"{_REGISTRIES}/new", **given, deed="save")
    assert refused.status_code == 400
    assert "no connection is made there" in words(refused)
    assert not Endpoint.objects.filter(name="gone").exists()
    tried = send(admin, f"{_REGISTRIES}/new", **given, deed="test")
    assert tried.status_code == 200
    assert "no connection is made there" in words(tried)


def test_the_list_tells_how_each_registry_is_and_a_look_tells_it_anew(admin: Browser):
    assert admin.text(_REGISTRIES).count("it is nowhere") == 2
    path = f"{_REGISTRIES}/{stage.ID}/check"
    looked = admin.post(path, {"csrf_token": admin.csrf_token}, headers={"HX-Request": "true"})
    assert "Unhealthy" in words(looked)
    assert "no connection is made there" in words(looked)
    assert "no connection is made there" in unescape(admin.text(_REGISTRIES))
    Endpoint.objects.update(healthy=True, problem="")
    assert admin.text(_REGISTRIES).count("Answers") == 2


def test_what_failed_is_taken_up_again(admin: Browser):
    assert "Retry what failed" in admin.text(_EXECUTION)
    assert send(admin, f"{_EXECUTION}/retry").status_code == 302
    execution = Execution.objects.get(pk=stage.ID)
    assert (execution.state, execution.ended_at, execution.failed) == (State.IN_PROGRESS, None, 0)
    page = admin.text(_EXECUTION)
    assert "Retry what failed" not in page
    assert f'action="{_EXECUTION}/stop"' in page


def test_what_was_stopped_counts_as_not_done_and_can_go_on(admin: Browser):
    Execution.objects.filter(pk=stage.ID).update(state=State.STOPPED, total=4, succeeded=1, failed=0, stopped=3)
    page = admin.text(_EXECUTION)
    assert "<dt>Artifacts</dt><dd>1 of 4</dd>" in page
    assert "Go on with what was stopped" in page
    assert ">1 / 4" in admin.text(_EXECUTION.rpartition("/")[0])


def test_a_registry_that_policies_use_is_not_deleted(admin: Browser):
    path = f"{_REGISTRIES}/{stage.ID}/delete"
    refused = send(admin, path, confirm="seen")
    assert refused.status_code == 412
    assert "delete them first" in words(refused)
    assert send(admin, f"{_REGISTRIES}/{stage.ID + 1}/delete", confirm="unused").status_code == 302


def test_a_kind_of_registry_brings_its_addresses_and_its_words(admin: Browser):
    assert "api.ecr.eu-west-1.amazonaws.com" in admin.text(f"{_REGISTRIES}/new?kind=aws-ecr")
    page = admin.text(f"{_REGISTRIES}/new?kind=google-gcr")
    assert "Key file (JSON)" in page
    assert 'type="hidden" name="access_key"' in page
    chosen = send(admin, f"{_REGISTRIES}/new", kind="docker-hub", secret="hidden-word", deed="kind")
    assert '<option value="https://hub.docker.com"' in chosen.content.decode()
    assert "hidden-word" not in words(chosen)


def test_the_editor_shows_what_a_policy_would_take_and_where_it_would_land(admin: Browser):
    given = {**_POLICY_FORM, "repositories": "team/**", "namespace": "mirror", "flatten": "1"}
    preview = f"{_REPLICATION}/preview"
    assert "mirror/app" in words(send(admin, preview, **given))
    assert "Nothing that is here now" in words(send(admin, preview, **given, tags="nothing*"))
    assert "replaces 9 of them" in words(send(admin, preview, **{**given, "flatten": "9"}))
    assert "is no pattern" in words(send(admin, preview, **{**given, "repositories": "[a"}))
    scheduled = {**given, "trigger": "scheduled", "cron": "0 0 2 * * *"}
    assert "Next:" in words(send(admin, preview, **scheduled))
    assert "is no cron of six fields" in words(send(admin, preview, **{**scheduled, "cron": "2"}))
    assert "a dry run lists it" in words(send(admin, preview, **{**given, "direction": "pull"}))
    assert send(admin, preview).status_code == 200


def test_a_policy_is_written_as_the_form_says(admin: Browser):
    given = {**_POLICY_FORM, "repositories": "team/**", "tags": "v*", "labels": "good, tested", "kind": "image"}
    more = {"namespace": "mirror", "flatten": "1", "speed": "100", "override": "on", "tags_how": "excludes"}
    made = send(admin, f"{_REPLICATION}/new", **{**given, **more})
    assert made.status_code == 302, words(made)
    found = Policy.objects.get(name="outward")
    assert (found.destination_id, found.source_id, found.namespace, found.flatten) == (stage.ID, None, "mirror", 1)
    assert (found.speed, found.override, found.enabled, found.deletion) == (100, True, True, False)
    assert found.filters == [
        {"type": "name", "value": "team/**"},
        {"type": "tag", "value": "v*", "decoration": "excludes"},
        {"type": "label", "value": ["good", "tested"], "decoration": "matches"},
        {"type": "resource", "value": "image"},
    ]
    taken = send(admin, f"{_REPLICATION}/new", **given)
    assert taken.status_code == 409
    assert "already" in words(taken)


def test_a_policy_that_can_not_be_tried_is_saved_all_the_same(admin: Browser):
    given = {name: value for name, value in _POLICY_FORM.items() if name != "enabled"}
    made = send(admin, f"{_REPLICATION}/new", **given, deed="try")
    found = Policy.objects.get(name="outward")
    assert made["Location"] == f"{_REPLICATION}/{found.pk}"
    assert "enable it first" in admin.text(made["Location"])
    tried = send(admin, f"{_REPLICATION}/{found.pk}/edit", **_POLICY_FORM, deed="try")
    assert found.executions.get().dry_run
    assert tried["Location"] == f"{_REPLICATION}/executions/{found.executions.get().pk}"


def test_filters_that_the_form_has_no_field_for_stay_until_they_are_unticked(admin: Browser):
    filters = [{"type": "tag", "value": text, "decoration": "matches"} for text in ("v*", "*.0", "v1*")]
    Policy.objects.filter(pk=stage.ID).update(filters=filters, flatten=7)
    page = admin.text(f"{_POLICY}/edit")
    assert "Tags: *.0" in unescape(page)
    assert "the first 7 parts" in page
    given = {**_POLICY_FORM, "name": "seen", "tags": "v2*", "flatten": "7"}
    assert send(admin, f"{_POLICY}/edit", **given, more=["0", "99"]).status_code == 302
    found = Policy.objects.get(pk=stage.ID)
    assert [each["value"] for each in found.filters] == ["v2*", "*.0"]
    assert found.flatten == 7


def test_a_policy_is_started_switched_off_and_deleted_with_its_history(admin: Browser):
    dry = send(admin, f"{_POLICY}/start", dry_run="true")
    begun = Execution.objects.exclude(pk=stage.ID).get()
    assert (dry["Location"], begun.dry_run) == (f"{_REPLICATION}/executions/{begun.pk}", True)
    stopped = send(admin, f"{_REPLICATION}/executions/{begun.pk}/stop")
    assert stopped.status_code == 302
    begun.refresh_from_db()
    assert begun.stop_asked
    assert send(admin, f"{_POLICY}/delete", confirm="seen").status_code == 412
    assert send(admin, f"{_POLICY}/switch", enabled="false").status_code == 302
    refused = send(admin, f"{_POLICY}/start")
    assert (refused.status_code, "enable it first" in words(refused)) == (412, True)
    Execution.objects.update(ended_at=now())
    assert send(admin, f"{_POLICY}/delete", confirm="other").status_code == 400
    assert send(admin, f"{_POLICY}/delete", confirm="seen").status_code == 302
    assert not Execution.objects.filter(policy_id=stage.ID).exists()


def test_htmx_is_told_to_ask_no_more_once_an_execution_or_a_task_is_over(admin: Browser):
    def asked(path: str) -> int:
        return int(admin.get(path, headers={"HX-Request": "true"}).status_code)

    task = f"{_EXECUTION}/tasks/{stage.ID}"
    assert (asked(_EXECUTION), asked(task)) == (286, 286)
    Execution.objects.update(ended_at=None, state=State.IN_PROGRESS)
    Task.objects.update(ended_at=None, state=State.IN_PROGRESS)
    assert (asked(_EXECUTION), asked(task)) == (200, 200)


def test_what_is_waited_for_is_shown_at_the_execution_and_at_each_of_its_tasks(admin: Browser):
    Execution.objects.update(ended_at=None, state=State.IN_PROGRESS)
    Task.objects.update(ended_at=None, state=State.PENDING)
    Absence.objects.create(since=now(), tries=1, look_at=now(), text="it refuses the connection")
    shown = admin.text(_EXECUTION)
    assert shown.count("this registry is away since") == 1 + Task.objects.filter(execution=stage.ID).count()
    assert "it refuses the connection; next try at" in shown


def test_the_log_of_another_executions_task_is_not_shown(admin: Browser):
    other = Execution.objects.create(policy_id=stage.ID, trigger="manual")
    assert admin.get(f"{_REPLICATION}/executions/{other.pk}/tasks/{stage.ID}").status_code == 404
    for number in (0, 10**30):
        assert admin.get(f"{_REPLICATION}/executions/{number}").status_code == 404
        assert admin.get(f"{_REPLICATION}/{number}").status_code == 404


def test_a_page_that_asks_by_itself_keeps_no_session_alive(admin: Browser):
    assert "X-Unattended" in admin.text(f"{_REPLICATION}/queues")
    before = now() - timedelta(minutes=10)
    Session.objects.update(used_at=before)
    for headers, is_use in (({"X-Unattended": "true"}, False), ({}, True)):
        admin.get(f"{_REPLICATION}/queues", headers={"HX-Request": "true", **headers})
        assert Session.objects.filter(used_at=before, user__username="admin").exists() != is_use


def test_what_a_registry_said_is_text(admin: Browser):
    attack = "<script>alert(1)</script>"
    Endpoint.objects.filter(pk=stage.ID).update(name=attack, problem=attack, description=attack)
    Policy.objects.update(name=attack, description=attack)
    Execution.objects.update(text=attack)
    Task.objects.update(text=attack, source=attack, destination=attack, tags=[attack])
    LogLine.objects.update(text=attack)
    assert [path for path in PAGES if attack in admin.text(path)] == []
    shown = [path for path in PAGES if attack in unescape(admin.text(path))]
    assert {_REGISTRIES, _REPLICATION, f"{_REPLICATION}/flows", _POLICY, _EXECUTION} <= set(shown)


ROUTES = sorted({*PAGES, *DEEDS})
VALUES = st.text(max_size=12) | st.sampled_from(
    ["\x00", "\ud800", "9" * 30, "-1", "a" * 5000, "[", "{a,", "0 0 2 * * *", "push", "pull", "scheduled", "mirror",
     "-", "128", "event_based", "harbor", "quay", "test", "kind", "preview", "try", str(stage.ID)]
)  # fmt: skip
NOWHERE = "https://127.0.0.1:1"
FIELDS = [
    "name", "kind", "access_key", "secret", "ca_certificate", "insecure", "deed", "direction", "registry",
    "repositories", "tags", "tags_how", "labels", "labels_how", "namespace", "flatten", "trigger", "cron", "speed",
    "policy", "more", "enabled", "dry_run", "confirm",
]  # fmt: skip


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    path=st.sampled_from(ROUTES), is_post=st.booleans(), partial=st.booleans(),
    query=st.dictionaries(st.sampled_from(["q", "after", "before", "state", "kind", "registry"]), VALUES),
    form=st.dictionaries(st.sampled_from(FIELDS), VALUES),
)  # fmt: skip
def test_anything_is_answered(
    admin: Browser, path: str, is_post: bool, partial: bool, query: dict[str, str], form: dict[str, str]
):
    form = {**_POLICY_FORM, **form, "url": NOWHERE}  # no address of anybody's is looked up
    path = f"{path.partition('?')[0]}?{urlencode(query, errors='surrogatepass')}"
    headers = {"HX-Request": "true"} if partial else {}
    if is_post:
        body = urlencode({"csrf_token": admin.csrf_token, **form}, errors="surrogatepass").encode()
        answer = admin.generic("POST", path, body, "application/x-www-form-urlencoded", headers=headers)
    else:
        answer = admin.get(path, headers=headers)
    assert answer.status_code < 500
