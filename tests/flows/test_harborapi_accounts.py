"""Harbor's client from PyPI, unchanged: users, members, groups and robots."""

from pathlib import Path

import pytest
from harborapi import HarborAsyncClient
from harborapi.auth import load_harbor_auth_file
from harborapi.exceptions import BadRequest, Conflict, Forbidden, NotFound, PreconditionFailed, Unauthorized
from harborapi.models import (
    Access,
    ProjectReq,
    Robot,
    RobotCreate,
    RobotCreateV1,
    RobotPermission,
    UserCreationReq,
    UserGroup,
    UserProfile,
)

from tests.flows.clients import Skopeo
from tests.flows.content import image, write_layout
from tests.flows.harbor import number_in, signed_in, unused
from tests.flows.stacks import Running
from tests.flows.strict import Document

pytestmark = pytest.mark.anyio

PASSWORD, OTHER = "Correct-Horse-7", "Staple-Battery-8"
PULL_AND_PUSH = [Access(resource="repository", action=action) for action in ("pull", "push")]


@pytest.fixture
async def project(api: HarborAsyncClient) -> str:
    name = unused("berth")
    await api.create_project(ProjectReq(project_name=name, public=False))
    return name


@pytest.fixture
async def user(api: HarborAsyncClient) -> str:
    name = unused("una")
    await api.create_user(UserCreationReq(username=name, email=f"{name}@example.com", realname="U", password=PASSWORD))
    return name


async def test_a_user_is_made_found_changed_and_deleted(api: HarborAsyncClient):
    name = unused("una")
    form = UserCreationReq(username=name, email=f"{name}@example.com", realname="Una", comment="", password=PASSWORD)
    user_id = number_in(await api.create_user(form))
    with pytest.raises(Conflict):
        await api.create_user(form)
    with pytest.raises(BadRequest):
        await api.create_user(form.model_copy(update={"username": unused("una"), "password": "weak"}))
    found = await api.get_user(user_id)
    assert (found.username, found.email, found.realname) == (name, f"{name}@example.com", "Una")
    assert (await api.get_user_by_username(name)).user_id == user_id
    assert [each.user_id for each in await api.search_users_by_username(name[:-1])] == [user_id]
    assert [each.username for each in await api.get_users(query=f"username={name}", sort="-creation_time")] == [name]

    await api.update_user(user_id, UserProfile(email="una@example.org", realname="Una M.", comment="harbour master"))
    assert (await api.get_user(user_id)).realname == "Una M."
    await api.delete_user(user_id)
    with pytest.raises(NotFound):
        await api.get_user(user_id)


async def test_users_are_listed_on_pages(api: HarborAsyncClient):
    word = unused("crew")
    for number in range(12):
        form = UserCreationReq(username=f"{word}{number:02}", email=f"{word}{number}@example.com", password=PASSWORD)
        await api.create_user(form)
    found = await api.get_users(query=f"username=~{word}", sort="username", page_size=5)
    assert [each.username for each in found] == [f"{word}{number:02}" for number in range(12)]


async def test_a_user_changes_the_own_password_and_becomes_administrator(
    api: HarborAsyncClient, stack: Running, document: Document, user: str
):
    async with signed_in(stack, document, user, PASSWORD) as client:
        me = await client.get_current_user()
        assert me.user_id is not None
        assert (me.username, me.sysadmin_flag) == (user, False)
        with pytest.raises(Forbidden):
            await client.get_users()
        with pytest.raises(Forbidden):
            await client.set_user_password(me.user_id, OTHER, old_password="Wrong-Horse-7")
        await client.set_user_password(me.user_id, OTHER, old_password=PASSWORD)
        with pytest.raises(Unauthorized):
            await client.get_current_user()
    async with signed_in(stack, document, user, OTHER) as client:
        await api.set_user_admin(me.user_id, is_admin=True)
        assert (await client.get_current_user()).sysadmin_flag
        assert len(await client.get_users()) > 1
    await api.set_user_admin(me.user_id, is_admin=False)
    await api.set_user_password(me.user_id, PASSWORD)
    async with signed_in(stack, document, user, PASSWORD) as client:
        assert (await client.get_current_user()).sysadmin_flag is False


async def test_a_cli_secret_is_for_users_of_a_provider(api: HarborAsyncClient, user: str):
    found = await api.get_user_by_username(user)
    assert found.user_id is not None
    with pytest.raises(PreconditionFailed):
        await api.set_user_cli_secret(found.user_id, OTHER)


async def test_a_user_is_told_what_it_may(
    api: HarborAsyncClient, stack: Running, document: Document, project: str, user: str
):
    whole = await api.get_project(project)
    await api.add_project_member_user(project, user, 2)
    async with signed_in(stack, document, user, PASSWORD) as client:
        scope = f"/project/{whole.project_id}"
        found = await client.get_current_user_permissions(scope, relative=True)
        held = {(each.resource, each.action) for each in found}
        assert ("repository", "push") in held
        assert ("member", "create") not in held
        absolute = await client.get_current_user_permissions(scope)
        assert {each.resource for each in absolute} == {f"{scope}/{resource}" for resource, _ in held}


async def test_members_are_added_listed_changed_and_removed(api: HarborAsyncClient, project: str, user: str):
    whole = await api.get_project(project)
    member = number_in(await api.add_project_member_user(project, user, 3))
    with pytest.raises(Conflict):
        await api.add_project_member_user(project, user, 2)
    found = await api.get_project_member(project, member)
    assert (found.entity_name, found.role_id, found.role_name, found.entity_type) == (user, 3, "guest", "u")
    assert (found.project_id, found.id) == (whole.project_id, member)
    await api.update_project_member_role(project, member, 4)
    assert [each.role_name for each in await api.get_project_members(project, entity_name=user)] == ["maintainer"]
    assert (await api.get_project_summary(project)).maintainer_count == 1
    assert [each.entity_name for each in await api.get_project_members(project, page_size=1)] == ["admin", user]
    await api.remove_project_member(project, member)
    with pytest.raises(NotFound):
        await api.get_project_member(project, member)
    other = (await api.get_user_by_username(user)).user_id
    assert other is not None
    await api.add_project_member_user(project, other, 5)
    with pytest.raises(NotFound):
        await api.add_project_member_user(project, "nobody-of-this-name", 2)


async def test_groups_are_made_searched_renamed_and_members(api: HarborAsyncClient, project: str):
    name = unused("crew")
    group = number_in(await api.create_usergroup(UserGroup(group_name=name, group_type=2)))
    with pytest.raises(Conflict):
        await api.create_usergroup(UserGroup(group_name=name, group_type=2))
    found = await api.get_usergroup(group)
    assert (found.group_name, found.group_type) == (name, 2)
    assert [each.id for each in await api.search_usergroups(name)] == [group]
    assert [each.id for each in await api.get_usergroups(group_name=name)] == [group]
    await api.update_usergroup(group, UserGroup(group_name=f"{name}-2", group_type=2))

    member = number_in(await api.add_project_member_group(project, group, 2))
    held = await api.get_project_member(project, member)
    assert (held.entity_name, held.entity_type, held.role_name) == (f"{name}-2", "g", "developer")
    await api.delete_usergroup(group)
    with pytest.raises(NotFound):
        await api.get_usergroup(group)
    assert [each.entity_type for each in await api.get_project_members(project)] == ["u"]


async def test_a_robot_of_a_project_logs_in_pushes_and_gets_a_new_secret(
    api: HarborAsyncClient, stack: Running, document: Document, skopeo: Skopeo, project: str, tmp_path: Path
):
    form = RobotCreate(
        name="ci",
        description="pushes",
        level="project",
        duration=30,
        permissions=[RobotPermission(kind="project", namespace=project, access=PULL_AND_PUSH)],
    )
    made = await api.create_robot(form, path=tmp_path / "robot.json")
    assert made.id is not None
    assert made.name == f"robot${project}+ci"
    kept = load_harbor_auth_file(tmp_path / "robot.json")
    assert (kept.name, kept.secret) == (made.name, made.secret)
    with pytest.raises(Conflict):
        await api.create_robot(form)

    layout = write_layout(image(), tmp_path / "in")
    skopeo.login(stack.host, kept.name, kept.secret)
    skopeo.copy(f"oci:{layout}:latest", f"docker://{stack.host}/{project}/app:v1")
    async with signed_in(stack, document, kept.name, kept.secret) as robot:
        with pytest.raises(Forbidden):
            await robot.get_repositories(project)

    renewed = await api.refresh_robot_secret(made.id, "")
    assert renewed.secret
    skopeo.login_refused(stack.host, kept.name, kept.secret)
    skopeo.login(stack.host, kept.name, renewed.secret)
    await api.refresh_robot_secret(made.id, "Chosen-Secret-9")
    skopeo.login(stack.host, kept.name, "Chosen-Secret-9")
    await api.delete_robot(made.id)
    skopeo.login_refused(stack.host, kept.name, "Chosen-Secret-9")
    with pytest.raises(NotFound):
        await api.get_robot(made.id)


async def test_a_robot_of_the_system_is_listed_changed_and_disabled(
    api: HarborAsyncClient, stack: Running, skopeo: Skopeo, project: str
):
    name = unused("runner")
    access = [*PULL_AND_PUSH, Access(resource="artifact", action="read")]
    form = RobotCreate(
        name=name,
        level="system",
        duration=-1,
        disable=False,
        permissions=[RobotPermission(kind="project", namespace="*", access=access)],
    )
    made = await api.create_robot(form)
    assert made.id is not None
    assert made.secret
    assert (made.name, made.expires_at) == (f"robot${name}", -1)
    skopeo.login(stack.host, f"robot${name}", made.secret)
    found = await api.get_robot(made.id)
    assert (found.level, found.disable, found.duration, found.editable) == ("system", False, -1, True)
    assert [(each.kind, each.namespace) for each in found.permissions or []] == [("project", "*")]
    assert found.secret in (None, "")
    assert made.id in [each.id for each in await api.get_robots(sort="-creation_time", limit=5)]
    assert [each.id for each in await api.get_robots(query=f"name=~{name}")] == [made.id]

    await api.update_robot(made.id, found.model_copy(update={"description": "changed", "disable": True}))
    assert (await api.get_robot(made.id)).description == "changed"
    skopeo.login_refused(stack.host, f"robot${name}", made.secret)
    fewer = RobotPermission(kind="project", namespace=project, access=PULL_AND_PUSH[:1])
    await api.update_robot(made.id, found.model_copy(update={"disable": False, "permissions": [fewer]}))
    skopeo.login(stack.host, f"robot${name}", made.secret)
    (permission,) = (await api.get_robot(made.id)).permissions or []
    assert (permission.namespace, [each.action for each in permission.access or []]) == (project, ["pull"])
    await api.delete_robot(made.id)


async def test_robots_of_a_project_are_looked_after_in_the_older_way(
    api: HarborAsyncClient, stack: Running, skopeo: Skopeo, project: str
):
    made = await api.create_robot_v1(project, RobotCreateV1(name="old", expires_at=-1, access=PULL_AND_PUSH))
    assert made.id is not None
    assert made.secret
    skopeo.login(stack.host, f"robot${project}+old", made.secret)
    assert [each.id for each in await api.get_robots_v1(project)] == [made.id]
    found = await api.get_robot_v1(project, made.id)
    assert (found.name, found.level, found.disable) == (f"robot${project}+old", "project", False)
    await api.update_robot_v1(project, made.id, Robot(disable=True))
    assert (await api.get_robot_v1(project, made.id)).disable
    await api.delete_robot_v1(project, made.id)
    with pytest.raises(NotFound):
        await api.get_robot_v1(project, made.id)


async def test_what_robots_can_be_granted_is_told(api: HarborAsyncClient):
    found = await api.get_permissions()
    assert ("repository", "push") in {(each.resource, each.action) for each in found.project or []}
    assert ("project", "create") in {(each.resource, each.action) for each in found.system or []}
