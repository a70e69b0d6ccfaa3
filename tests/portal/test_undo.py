"""What was done is taken back from the message that tells of it: by whoever did it, while it can be."""

from html import unescape

import pytest
from django.core import signing

from artifacts.models import ArtifactLabel, Manifest, Tag
from audit.models import AuditRecord
from portal import undo
from projects.models import ImmutableRule, Label, Member, Robot
from rbac import policy
from rbac.models import Role, RolePermission, User
from replication.models import Policy
from tests.api import stage
from tests.people import make_group, make_user
from tests.portal.browser import Browser
from tests.portal.test_forms import found_in, root, send, text_of

__all__ = ["root"]
pytestmark = pytest.mark.django_db
SEALED = r'name="undo" value="([^"]+)"'
_ARTIFACT = f"/projects/team/repositories/app/-/artifacts/{stage.DIGEST}"


@pytest.fixture
def browser(upstream) -> Browser:
    """Of an administrator of the project that the stage is set in."""
    stage.build()
    made = Browser()
    Member.objects.create(
        project_id=stage.ID, user=make_user("grace"), role=Role.objects.get(name="projectAdmin")
    )  # fmt: skip
    made.sign_in("grace")
    return made


def offered(browser: Browser, answer) -> str:
    """What the page after a deed has in its button."""
    assert answer.status_code == 302, text_of(answer)
    return found_in(SEALED, browser.get(answer["Location"]))


def take_back(browser: Browser, path: str, **fields: str) -> str:
    """Do something, and take it back by the button: what is said then."""
    answer = send(browser, "/undo", undo=offered(browser, send(browser, path, **fields)))
    assert answer.status_code == 302, text_of(answer)
    page = unescape(browser.text(answer["Location"]))
    assert SEALED.partition(" ")[0] not in page
    return page


def test_a_deleted_tag_is_set_again_on_the_same_artifact(browser):
    assert "The tag v1 is set again" in take_back(
        browser, "/projects/team/repositories/app/-/tags/v1/delete", confirm="v1"
    )
    assert Tag.objects.get(name="v1").manifest.digest == stage.DIGEST
    assert AuditRecord.objects.filter(operation="create", resource="team/app:v1", actor="grace").exists()


def test_a_label_is_put_on_again_and_off_again(browser):
    mark = ArtifactLabel.objects.get(manifest__digest=stage.DIGEST)
    take_back(browser, f"{_ARTIFACT}/labels", label=str(mark.label_id), on="false")
    assert ArtifactLabel.objects.filter(manifest=mark.manifest_id, label=mark.label_id).exists()
    other = Label.objects.create(project_id=stage.ID, name="other")
    take_back(browser, f"{_ARTIFACT}/labels", label=str(other.pk), on="true")
    assert not ArtifactLabel.objects.filter(label=other).exists()


def test_a_deleted_label_is_there_again_on_what_had_it(browser):
    label = Label.objects.create(project_id=stage.ID, name="canary", color="#123456", description="Look")
    manifests = list(Manifest.objects.filter(repository__name="team/app"))
    for manifest in manifests:
        ArtifactLabel.objects.create(manifest=manifest, label=label)
    take_back(browser, f"/projects/team/labels/{label.pk}/delete", confirm="canary")
    again = Label.objects.get(name="canary")
    assert (again.project_id, again.color, again.description) == (stage.ID, "#123456", "Look")
    assert set(again.marks.values_list("manifest", flat=True)) == {manifest.pk for manifest in manifests}


@pytest.mark.parametrize("who", ["user", "group"])
def test_a_removed_member_is_back_with_the_same_role(browser, who):
    party = make_user("mika") if who == "user" else make_group("release")
    role = Role.objects.get(name="developer")
    member = Member.objects.create(project_id=stage.ID, role=role, **{who: party})
    take_back(browser, f"/projects/team/members/{member.pk}/remove", confirm=str(party))
    assert Member.objects.get(**{who: party}).role == role


def test_a_changed_role_is_the_one_before(browser):
    role = Role.objects.get(name="developer")
    member = Member.objects.create(project_id=stage.ID, user=make_user("mika"), role=role)
    assert "mika is Developer again" in take_back(browser, f"/projects/team/members/{member.pk}/role", role="4")
    member.refresh_from_db()
    assert member.role == role


def test_rules_are_in_force_again(browser):
    rule = ImmutableRule.objects.get(pk=stage.ID)
    shape = (rule.tag_pattern, rule.repository_pattern, rule.disabled)
    take_back(browser, f"/projects/team/rules/{rule.pk}/switch", disabled=str(not rule.disabled).lower())
    rule.refresh_from_db()
    assert rule.disabled == shape[2]
    take_back(browser, f"/projects/team/rules/{rule.pk}/delete", confirm=rule.tag_pattern)
    again = ImmutableRule.objects.exclude(pk=rule.pk).get(project=stage.ID)
    assert (again.tag_pattern, again.repository_pattern, again.disabled) == shape


def test_robots_of_projects_and_of_the_system_work_again(browser, root):
    for who, place in (
        (browser, f"/projects/team/robots/{stage.ID + 1}"),
        (root, f"/administration/robots/{stage.ID}"),
    ):
        take_back(who, f"{place}/switch", disabled="true")
    assert not Robot.objects.filter(disabled=True).exists()


def test_a_star_is_what_it_was(browser):
    take_back(browser, "/projects/team/star", on="true", then="/projects")
    assert 'aria-pressed="true"' not in browser.text("/projects")


def test_what_is_done_to_users_groups_and_policies_is_taken_back(root, browser):
    mika = make_user("mika")
    for deed in ("lock", "promote"):
        take_back(root, f"/administration/users/{mika.pk}/change", deed=deed)
        mika.refresh_from_db()
        assert (mika.is_active, mika.is_admin) == (True, False)
    group = make_group("release", mika)
    take_back(root, f"/administration/groups/{group.pk}/take-out", username="mika")
    assert list(group.users.all()) == [mika]
    rule = Policy.objects.get(pk=stage.ID)
    take_back(root, f"/administration/replication/{rule.pk}/switch", enabled=str(not rule.enabled).lower())
    assert Policy.objects.get(pk=stage.ID).enabled == rule.enabled


def test_the_right_is_asked_for_again_when_it_is_taken_back(browser):
    sealed = offered(browser, send(browser, "/projects/team/repositories/app/-/tags/v1/delete", confirm="v1"))
    Member.objects.filter(user__username="grace").update(role=Role.objects.get(name="guest"))
    assert send(browser, "/undo", undo=sealed).status_code == 403
    assert not Tag.objects.filter(name="v1").exists()


def test_it_is_not_offered_to_who_may_only_do_the_one(browser):
    RolePermission.objects.filter(role__name="projectAdmin", resource="tag", action="create").delete()
    policy.forget()
    answer = send(browser, "/projects/team/repositories/app/-/tags/v1/delete", confirm="v1")
    page = browser.text(answer["Location"])
    policy.forget()
    assert "The tag v1 is deleted" in page
    assert 'action="/undo"' not in page


def test_what_cannot_be_taken_back_any_more_is_said_in_words(browser):
    member = Member.objects.create(project_id=stage.ID, user=make_user("mika"), role=Role.objects.get(name="guest"))
    sealed = offered(browser, send(browser, f"/projects/team/members/{member.pk}/remove", confirm="mika"))
    assert send(browser, "/undo", undo=sealed).status_code == 302
    twice = send(browser, "/undo", undo=sealed)
    assert (twice.status_code, "This can't be undone any more: " in text_of(twice)) == (409, True)
    User.objects.filter(username="mika").delete()
    gone = send(browser, "/undo", undo=sealed)
    assert (gone.status_code, "There is no such user or group any more" in text_of(gone)) == (404, True)


def forged(sealed: str) -> str:
    """The same, signed by a key that isn't ours."""
    return signing.dumps(signing.loads(sealed, salt="portal.undo"), salt="portal.undo", key="another", compress=True)


def test_nobody_forges_it_uses_anothers_or_an_old_one(browser, root, monkeypatch):
    path = "/projects/team/repositories/app/-/tags/v1/delete"
    sealed = offered(browser, send(browser, path, confirm="v1"))
    for wrong in ("", "x", sealed[:-2], forged(sealed), signing.dumps("v1")):
        assert send(browser, "/undo", undo=wrong).status_code == 400
    theirs = send(root, "/undo", undo=sealed)
    assert (theirs.status_code, "Somebody else did this" in text_of(theirs)) == (403, True)
    assert browser.post("/undo", {"undo": sealed}).status_code == 403  # without the page's token
    monkeypatch.setattr(undo, "_SECONDS", -1)
    old = send(browser, "/undo", undo=sealed)
    assert (old.status_code, "too long ago" in text_of(old)) == (409, True)
    assert not Tag.objects.filter(name="v1").exists()


def test_what_is_too_much_to_carry_along_is_not_offered(browser):
    label = Label.objects.create(project_id=stage.ID, name="long", description="".join(map(chr, range(20, 4000))))
    answer = send(browser, f"/projects/team/labels/{label.pk}/delete", confirm="long")
    assert 'action="/undo"' not in browser.text(answer["Location"])
