"""Whatever a person, a push or a request brings is text on a page: what is asked for, what is kept, what was tried."""

from html import unescape

import pytest

from artifacts.models import Manifest, Process, Repository
from audit import spool
from projects.models import ImmutableRule, Label, PersonalToken, Robot
from rbac.models import Group, User
from replication.models import Endpoint, Policy
from tests.api import stage
from tests.portal.browser import Browser
from tests.portal.test_pages import PAGES
from tests.provider import items_for

pytestmark = pytest.mark.django_db
ATTACK = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
LISTS = sorted({path.partition("?")[0] for path, _ in PAGES if not path.endswith(("/preview", "/settings"))})


@pytest.fixture
def admin(upstream) -> Browser:
    stage.build()
    made = Browser()
    made.sign_in("admin")
    return made


def carried_out(page: str) -> bool:
    return "<script>alert" in page or "<img src=x" in page


def test_what_is_asked_for_is_said_again_as_text(admin):
    names = ("q", "sort", "show", "label", "actor", "kind", "resource", "project", "since", "result", "then", "state")
    asked = dict.fromkeys(names, ATTACK)
    answers = {path: admin.get(path, asked) for path in LISTS}
    assert [path for path, answer in answers.items() if carried_out(answer.content.decode())] == []
    assert [path for path, answer in answers.items() if answer.status_code >= 500] == []
    assert ATTACK in unescape(answers["/search"].content.decode())


def test_what_is_kept_is_shown_as_text(admin):
    """By rows: no door lets most of it in."""
    Label.objects.filter(pk=stage.ID).update(name=ATTACK, description=ATTACK, color='"><i>')
    Robot.objects.filter(pk=stage.ID + 1).update(name=ATTACK, description=ATTACK)
    Group.objects.update(name=ATTACK)
    User.objects.exclude(username="admin").update(username=ATTACK, email=ATTACK, realname=ATTACK, comment=ATTACK)
    PersonalToken.objects.update(name=ATTACK, user=User.objects.get(username="admin"))
    ImmutableRule.objects.update(tag_pattern=ATTACK, repository_pattern=ATTACK)
    Repository.objects.update(description=ATTACK)
    Manifest.objects.update(
        annotations={ATTACK: ATTACK}, artifact_type=ATTACK, media_type=ATTACK, attributes={"platform": ATTACK}
    )
    Endpoint.objects.update(description=ATTACK, url=ATTACK, access_key=ATTACK, kind=ATTACK)
    Policy.objects.update(namespace=ATTACK, cron=ATTACK, filters=[{"type": "name", "value": ATTACK}])
    Process.objects.create(kind="worker", host=ATTACK, pid=1, queues=[ATTACK])
    pages = [
        *LISTS, "/administration/registries", "/administration/replication", "/administration/replication/queues",
        f"/administration/replication/{stage.ID}", f"/administration/replication/{stage.ID}/edit",
        f"/administration/registries/{stage.ID}", "/administration/replication/flows",
    ]  # fmt: skip
    answers = {path: admin.get(path) for path in pages}
    found = {path: answer.content.decode() for path, answer in answers.items()}
    assert [path for path, page in found.items() if carried_out(page)] == []
    assert len([path for path, page in found.items() if "<script>alert" in unescape(page)]) > 20
    assert [path for path, answer in answers.items() if answer.status_code >= 500] == []


def test_a_name_that_somebody_tried_to_sign_in_by_is_text_in_the_trail(admin):
    Browser().sign_in(ATTACK, "wrong")
    spool.drain()
    page = admin.text("/administration/trail")
    assert ATTACK in unescape(page)
    assert not carried_out(page)


def test_the_configurations_texts_are_text_on_every_page(admin, configure, provider):
    configure(**{**items_for(provider.url), "oidc_name": ATTACK, "banner_message": ATTACK})
    for path in ("/account/sign-in", "/projects", "/administration/configuration/oidc"):
        page = (Browser() if "sign-in" in path else admin).text(path)
        assert "<script>alert" in unescape(page)
        assert not carried_out(page)


def test_what_a_deed_says_is_text(admin):
    label = Label.objects.create(name="seen")
    admin.post(
        f"/administration/labels/{label.pk}",
        {"csrf_token": admin.csrf_token, "name": ATTACK, "color": "#123456", "description": ATTACK},
    )
    answer = admin.post(
        f"/administration/labels/{label.pk}/delete", {"csrf_token": admin.csrf_token, "confirm": ATTACK}
    )
    page = admin.text(answer["Location"])
    assert f"The label {ATTACK} is deleted" in unescape(page)
    assert not carried_out(page)
