"""Forms: what is typed stays, what the domain refuses is told, what can't be undone wants its name."""

import re
from html import unescape
from typing import Any

import pytest

from artifacts.models import Repository
from configuration import values
from configuration.version import VERSION
from projects.models import ImmutableRule, Label, Member, Project, Robot
from rbac.models import Role, Session, User
from tests.people import PASSWORD, make_group, make_project, make_user
from tests.portal.browser import HOST, Browser

pytestmark = pytest.mark.django_db
KEPT = r'name="kept" value="([^"]+)"'


@pytest.fixture
def root() -> Browser:
    made = Browser()
    make_user("root", is_admin=True)
    made.sign_in("root")
    return made


def send(browser: Browser, path: str, **fields: Any):
    return browser.post(path, {"csrf_token": browser.csrf_token, **fields})


def found_in(pattern: str, answer) -> str:
    found = re.search(pattern, answer.content.decode())
    assert found
    return unescape(found[1])


def text_of(answer) -> str:
    return unescape(answer.content.decode())


def test_a_project_is_made_by_whoever_may_and_only_with_a_name_that_can_be(browser):
    answer = send(browser, "/new-project", name="Wrong Name")
    assert answer.status_code == 400
    assert 'value="Wrong Name"' in text_of(answer)
    assert "A project name holds lower-case letters" in text_of(answer)
    assert send(browser, "/new-project", name="team").status_code == 409
    made = send(browser, "/new-project", name="apps", public="on", limit="5GiB")
    assert (made.status_code, made["Location"]) == (302, "/projects/apps")
    assert "The project apps is there" in browser.text("/projects/apps")
    assert "The project apps is there" not in browser.text("/projects/apps")
    project = Project.objects.get(name="apps")
    assert (project.public, project.quota.hard) == (True, -1)  # a limit is for administrators to choose


def test_an_administrator_chooses_the_limit(root):
    send(root, "/new-project", name="apps", limit="5GiB")
    assert Project.objects.get(name="apps").quota.hard == 5 * 2**30
    assert send(root, "/new-project", name="more", limit="plenty").status_code == 400


def test_the_reserved_creation_of_projects_is_not_offered(browser, configure):
    configure(project_creation_restriction="adminonly")
    assert "New project" not in browser.text("/projects")
    assert send(browser, "/new-project", name="apps").status_code == 403


def test_a_projects_settings_hold_no_limit_for_who_may_not_set_one(browser, root):
    send(browser, "/projects/team/settings", public="on", limit="1GiB")
    project = Project.objects.get(name="team")
    assert (project.public, project.quota.hard) == (True, -1)
    assert send(root, "/projects/team/settings", limit="1.5GiB").status_code == 302
    project = Project.objects.get(name="team")
    assert (project.public, project.quota.hard) == (False, 1536 * 2**20)
    assert 'value="1.5 GiB"' in root.text("/projects/team/settings")


def test_a_project_is_offered_for_deletion_once_it_holds_no_repositories(browser):
    assert "/projects/team/delete" in browser.text("/projects/team/settings")
    Repository.objects.create(name="team/app", project=Project.objects.get(name="team"))
    page = browser.text("/projects/team/settings")
    assert ("/projects/team/delete" in page, "This one still holds 1: delete it first." in page) == (False, True)


def test_a_new_member_is_a_guest_and_a_new_robot_lives_as_is_usual_until_something_else_is_chosen(browser, configure):
    configure(robot_token_duration=45)
    assert re.search(r'<option value="3" selected>\s*Guest', browser.text("/projects/team/members/new"))
    assert re.search(r'name="duration" value="45"', browser.text("/projects/team/robots/new"))


def test_a_secret_is_called_unchanged_where_one_is_kept(root, configure):
    page = "/administration/configuration/ldap"
    assert 'placeholder="unchanged"' not in root.text(page)
    configure(ldap_search_password="kept-well")
    assert 'placeholder="unchanged"' in root.text(page)


def test_the_limit_of_new_projects_is_written_as_people_do(root):
    page = "/administration/configuration/projects"
    assert 'value="unlimited"' in root.text(page)
    fields = {"project_creation_restriction": "everyone", "robot_name_prefix": "robot$", "robot_token_duration": "30",
              "token_expiration": "5"}  # fmt: skip
    wrong = send(root, page, **fields, storage_per_project="plenty")
    assert (wrong.status_code, "10GiB is one" in text_of(wrong)) == (400, True)
    assert send(root, page, **fields, storage_per_project="1.5TiB").status_code == 302
    values.forget()
    assert values.number("storage_per_project") == 1536 * 2**30
    assert 'value="1.5 TiB"' in root.text(page)


def test_the_system_page_tells_what_runs_here_and_where(root):
    page = root.text("/administration/system")
    assert f"https://{HOST}" in page
    assert VERSION in page


def test_members_come_change_and_go(browser):
    make_user("mika")
    make_group("release")
    assert send(browser, "/projects/team/members/new", kind="user", name="nobody", role="2").status_code == 404
    assert send(browser, "/projects/team/members/new", kind="user", name="mika", role="2").status_code == 302
    assert send(browser, "/projects/team/members/new", kind="user", name="mika", role="3").status_code == 409
    assert send(browser, "/projects/team/members/new", kind="group", name="release", role="4").status_code == 302
    member = Member.objects.get(user__username="mika")
    send(browser, f"/projects/team/members/{member.pk}/role", role="4")
    member.refresh_from_db()
    assert member.role == Role.objects.get(name="maintainer")
    assert send(browser, f"/projects/team/members/{member.pk}/role", role="6").status_code == 400  # nobody's to hold
    assert send(browser, f"/projects/team/members/{member.pk}/remove", confirm="someone").status_code == 400
    assert send(browser, f"/projects/team/members/{member.pk}/remove", confirm="mika").status_code == 302
    assert not Member.objects.filter(user__username="mika").exists()


def test_a_robots_secret_is_shown_once_and_its_grants_are_what_was_chosen(browser):
    made = send(browser, "/projects/team/robots/new", name="ci", duration="30", preset="pull")
    secret = found_in(r'id="secret">([^<]+)<', made)
    robot = Robot.objects.get()
    assert (robot.duration, [grant.permissions for grant in robot.grants.all()]) == (30, [["repository:pull"]])
    assert f"docker login -u 'robot$team+ci' --password-stdin {HOST}" in text_of(made)
    assert secret not in browser.text("/projects/team/robots")
    before = robot.secret
    again = send(browser, f"/projects/team/robots/{robot.pk}/secret", overlap="true")
    robot.refresh_from_db()
    assert 'id="secret"' in again.content.decode()
    assert robot.previous_secret == before
    chosen = {"name": "more", "duration": "1", "preset": "chosen"}
    assert send(browser, "/projects/team/robots/new", **chosen).status_code == 400  # of nothing
    assert send(browser, "/projects/team/robots/new", **chosen, grants="user:delete").status_code == 400
    assert send(browser, "/projects/team/robots/new", **chosen, grants="tag:delete").status_code == 200


def test_the_systems_robots_are_for_administrators(root):
    fields = {
        "name": "mirror",
        "duration": "-1",
        "preset": "chosen",
        "grants": "repository:pull",
        "system": "project:list",
    }
    assert send(root, "/administration/robots/new", **fields).status_code == 200
    robot = Robot.objects.get()
    assert (robot.project, robot.system_permissions) == (None, ["project:list"])


def test_rules_are_previewed_made_switched_and_deleted(browser):
    wrong = {
        "repository_decoration": "repoMatches",
        "repository_pattern": "{",
        "tag_decoration": "matches",
        "tag_pattern": "v*",
    }
    assert "pattern" in text_of(browser.get("/projects/team/rules/preview", wrong))
    assert send(browser, "/projects/team/rules/new", **wrong).status_code == 400
    send(browser, "/projects/team/rules/new", **{**wrong, "repository_pattern": "**"})
    rule = ImmutableRule.objects.get()
    send(browser, f"/projects/team/rules/{rule.pk}/switch", disabled="true")
    rule.refresh_from_db()
    assert rule.disabled
    send(browser, f"/projects/team/rules/{rule.pk}/delete", confirm="v*")
    assert not ImmutableRule.objects.exists()


def test_a_star_is_ones_own(browser):
    send(browser, "/projects/team/star", on="true", then="/projects")
    assert 'aria-pressed="true"' in browser.text("/projects?show=starred")
    piece = browser.post(
        "/projects/team/star", {"on": "false"},
        headers={"hx-request": "true", "x-harbor-csrf-token": browser.csrf_token},
    )  # fmt: skip
    assert 'aria-pressed="false"' in piece.content.decode()
    assert "<html" not in piece.content.decode()


def test_read_only_mode_lets_nothing_through_but_its_end(browser, root, configure):
    configure(read_only=True)
    assert send(browser, "/new-project", name="apps").status_code == 403
    assert "read-only" in text_of(send(browser, "/projects/team/labels/new", name="x", color="#ffffff"))
    send(root, "/administration/configuration/system", banner_message="back soon")
    assert not values.flag("read_only")
    assert "back soon" in browser.text("/projects")


def test_a_configuration_page_shows_no_secret_and_an_empty_one_stays(root, configure):
    configure(ldap_search_password="Hidden-1", ldap_url="ldap://one.example.com")
    page = root.text("/administration/configuration/ldap")
    assert "Hidden-1" not in page
    fields = {
        "ldap_url": "ldap://two.example.com", "ldap_uid": "uid", "ldap_scope": "1", "ldap_timeout": "4",
        "ldap_group_attribute_name": "cn", "ldap_group_search_scope": "2", "ldap_search_password": "",
        "ldap_group_membership_attribute": "memberof",
    }  # fmt: skip
    assert send(root, "/administration/configuration/ldap", **fields).status_code == 302
    assert (values.text("ldap_search_password"), values.number("ldap_scope")) == ("Hidden-1", 1)
    assert send(root, "/administration/configuration/ldap", **{**fields, "ldap_timeout": "99"}).status_code == 400
    assert values.number("ldap_timeout") == 4


def test_a_directory_is_tried_and_nothing_saved(root, directory):
    items = {name: values.get(name) for name in ("ldap_url", "ldap_base_dn", "ldap_uid", "ldap_search_dn")}
    fields = {**items, "ldap_scope": "2", "ldap_timeout": "5", "ldap_group_search_scope": "2", "try": "yes"}
    fine = send(root, "/administration/configuration/ldap", **fields)
    assert "The directory answers" in text_of(fine)
    away = send(root, "/administration/configuration/ldap", **{**fields, "ldap_url": "ldap://127.0.0.1:1"})
    assert (away.status_code, "could not be used" in text_of(away)) == (400, True)
    assert values.text("ldap_url") == items["ldap_url"]


def test_a_provider_is_tried_and_nothing_saved(root, provider):
    fields = {"oidc_endpoint": provider.url, "oidc_scope": "openid", "oidc_timeout": "5", "try": "yes"}
    assert "The provider answers" in text_of(send(root, "/administration/configuration/oidc", **fields))
    wrong = send(root, "/administration/configuration/oidc", **{**fields, "oidc_endpoint": "http://127.0.0.1:1"})
    assert (wrong.status_code, "could not be used" in text_of(wrong)) == (400, True)
    assert send(root, "/administration/configuration/system", **{"try": "yes"}).status_code == 400


def test_people_register_themselves_where_they_may(configure):
    browser = Browser()
    fields = {"username": "new", "email": "new@example.com", "password": "Correct-Horse-7"}
    assert browser.post("/account/register", fields).status_code == 404
    configure(self_registration=True)
    assert "/account/register" in browser.text("/account/sign-in")
    assert browser.post("/account/register", {**fields, "password": "short"}).status_code == 400
    assert browser.post("/account/register", fields, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert browser.post("/account/register", fields)["Location"] == "/account/sign-in"
    assert "Your account is there" in browser.text("/account/sign-in")
    assert browser.sign_in("new", "Correct-Horse-7").status_code == 302


def test_what_the_environment_says_cannot_be_changed_here(root, monkeypatch):
    monkeypatch.setenv("ROADSTEAD_CONFIG_BANNER_MESSAGE", "frozen")
    values.forget()
    send(root, "/administration/configuration/system", banner_message="other", read_only="on")
    assert (values.text("banner_message"), values.flag("read_only")) == ("frozen", True)


def test_users_are_made_locked_promoted_and_deleted(root):
    fields = {"username": "new", "email": "new@example.com", "password": PASSWORD}
    assert send(root, "/administration/users/new", **{**fields, "password": "short"}).status_code == 400
    send(root, "/administration/users/new", **fields)
    user = User.objects.get(username="new")
    for deed, expected in (("lock", (False, False)), ("unlock", (True, False)), ("promote", (True, True))):
        send(root, f"/administration/users/{user.pk}/change", deed=deed)
        user.refresh_from_db()
        assert (user.is_active, user.is_admin) == expected
    me = User.objects.get(username="root")
    assert send(root, f"/administration/users/{me.pk}/delete", confirm="root").status_code == 403
    assert send(root, f"/administration/users/{user.pk}/delete", confirm="new").status_code == 302


def test_another_password_wants_the_one_before_and_keeps_this_session_alone(browser):
    other = Browser()
    other.sign_in("grace")
    assert send(browser, "/account/password", old="Wrong-1234", password="Correct-Horse-8").status_code == 403
    assert send(browser, "/account/password", old=PASSWORD, password="Correct-Horse-8").status_code == 302
    assert browser.is_signed_in
    assert not other.is_signed_in


def test_access_tokens_are_made_shown_once_and_revoked(browser):
    made = send(browser, "/account/tokens/new", name="laptop", duration="7", reach="pull")
    assert "rspat_" in made.content.decode()
    page = browser.text("/account")
    assert "laptop" in page
    assert "rspat_" not in page
    token = User.objects.get(username="grace").personal_tokens.get()
    assert send(browser, f"/account/tokens/{token.pk}/revoke", confirm="laptop").status_code == 302
    assert not User.objects.get(username="grace").personal_tokens.exists()


def test_a_form_sent_too_late_is_kept_and_offered_to_whoever_signs_in(browser):
    token = browser.csrf_token
    Session.objects.all().delete()
    late = browser.post("/projects/team/labels/new", {"csrf_token": token, "name": "kept", "color": "#123456"})
    assert late.status_code == 401
    sealed = found_in(KEPT, late)
    assert "kept" not in sealed
    offered = browser.post("/c/login", {"principal": "grace", "password": PASSWORD, "kept": sealed})
    assert 'action="/projects/team/labels/new"' in offered.content.decode()
    assert 'name="color" value="#123456"' in offered.content.decode()
    assert not Label.objects.exists()
    forged = browser.post("/account/resume", {"kept": "x" + sealed[1:]})
    assert forged.status_code == 400


def test_a_piece_of_a_page_leads_to_signing_in_as_a_whole():
    make_project("team")
    answer = Browser().get(
        "/projects/team", headers={"hx-request": "true", "hx-current-url": "https://x/projects/team"}
    )
    assert answer.status_code == 204
    assert answer["HX-Redirect"] == "/account/sign-in?then=%2Fprojects%2Fteam"


def test_what_others_did_meanwhile_is_told(browser):
    label = Label.objects.create(project=Project.objects.get(), name="seen")
    page = f"/projects/team/labels/{label.pk}/delete"
    assert browser.get(page).status_code == 200
    label.delete()
    assert send(browser, page, confirm="seen").status_code == 404
