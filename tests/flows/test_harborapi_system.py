"""Harbor's client from PyPI, unchanged: the installation itself, what it counts, records and can be told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harborapi import HarborAsyncClient
from harborapi.exceptions import BadRequest, NotFound, StatusError, Unauthorized
from harborapi.models import (
    Configurations,
    CVEAllowlist,
    CVEAllowlistItem,
    LdapConf,
    OIDCTestReq,
    ProjectMetadata,
    ProjectReq,
    QuotaUpdateReq,
    ResourceList,
)

from tests import slapd as servers
from tests.flows.conformance import pushes
from tests.flows.content import image
from tests.flows.harbor import signed_in, unused
from tests.flows.stacks import Running
from tests.flows.strict import Document
from tests.flows.wire import Refused
from tests.slapd import Slapd, dead_url, group_dn

pytestmark = pytest.mark.anyio


async def test_it_is_alive_and_well(api: HarborAsyncClient):
    assert await api.ping() == "Pong"
    health = await api.health_check()
    assert health.status == "healthy"
    assert {"core", "database", "redis", "registry"} <= {each.name for each in health.components or []}


async def test_it_tells_of_itself(api: HarborAsyncClient, stack: Running):
    info = await api.get_system_info()
    assert (info.auth_mode, info.external_url, info.registry_url) == ("db_auth", stack.url, stack.host)
    assert info.harbor_version
    assert info.harbor_version.startswith("v2.")
    (storage,) = (await api.get_system_volume_info()).storage or []
    assert storage.total
    assert storage.free
    assert storage.total > storage.free > 0


async def test_it_counts(api: HarborAsyncClient, stack: Running):
    before = await api.get_statistics()
    name = unused("counted")
    await api.create_project(ProjectReq(project_name=name, public=False))
    pushes.push_content(stack.wire(), f"{name}/app", image())
    after = await api.get_statistics()
    assert before.private_repo_count is not None
    assert before.private_project_count is not None
    assert after.private_project_count == before.private_project_count + 1
    assert after.private_repo_count == before.private_repo_count + 1


def storage_of(resources: ResourceList | None) -> int:
    assert resources is not None
    assert resources.root is not None
    return resources.root["storage"]


async def test_quotas_are_listed_by_usage_set_and_held_to(api: HarborAsyncClient, stack: Running):
    name = unused("bounded")
    await api.create_project(ProjectReq(project_name=name, public=False, storage_limit=10 * 1024**2))
    project = await api.get_project(name)
    pushes.push_content(stack.wire(), f"{name}/app", image(layers=1, size=500_000))
    (quota,) = await api.get_quotas(reference="project", reference_id=str(project.project_id))
    assert quota.id is not None
    assert quota.ref is not None
    assert quota.hard == ResourceList({"storage": 10 * 1024**2})
    assert quota.ref.model_dump() == {"id": project.project_id, "name": name, "owner_name": "admin"}
    used = storage_of(quota.used)
    assert used > 500_000
    by_usage = [storage_of(each.used) for each in await api.get_quotas(sort="-used.storage", page_size=3)]
    assert by_usage == sorted(by_usage, reverse=True)
    assert used in by_usage
    assert quota == await api.get_quota(quota.id)

    await api.update_quota(quota.id, QuotaUpdateReq(hard=ResourceList({"storage": 500_000})))
    summary = await api.get_project_summary(name)
    assert summary.quota is not None
    assert (summary.quota.hard, summary.quota.used) == (ResourceList({"storage": 500_000}), quota.used)
    with pytest.raises(Refused, match=f"the project {name} is full"):
        pushes.push_content(stack.wire(), f"{name}/app", image(layers=1))
    with pytest.raises(BadRequest):
        await api.update_quota(quota.id, QuotaUpdateReq(hard=ResourceList({"storage": 0})))
    with pytest.raises(NotFound):
        await api.get_quota(10**9)


async def test_it_finds_projects_and_repositories(api: HarborAsyncClient, stack: Running):
    name = unused("sought")
    await api.create_project(ProjectReq(project_name=name, public=True))
    pushes.push_content(stack.wire(), f"{name}/team/app", image())
    found = await api.search(name)
    assert [each.name for each in found.project or []] == [name]
    assert [each.repository_name for each in found.repository or []] == [f"{name}/team/app"]
    assert [each.artifact_count for each in found.repository or []] == [1]


async def test_what_was_done_is_in_the_audit_log(api: HarborAsyncClient, stack: Running):
    name = unused("logged")
    await api.create_project(ProjectReq(project_name=name, public=False))
    for _ in range(3):
        pushes.push_content(stack.wire(), f"{name}/app", image(layers=1))
    logged = await api.get_project_logs(name, query="operation=create,resource_type=artifact", page_size=2)
    assert {(each.username, each.operation) for each in logged} == {("admin", "create")}
    assert len(logged) > 2
    everywhere = [each.op_time for each in await api.get_audit_logs(query=f"resource=~{name}", sort="op_time", limit=3)]
    assert len(everywhere) > 3
    assert everywhere == sorted(moment for moment in everywhere if moment)


async def test_configuration_is_read_and_changed(api: HarborAsyncClient):
    before = await api.get_config()
    assert before.robot_name_prefix
    assert before.robot_name_prefix.value == "robot$"
    assert before.read_only
    assert before.read_only.value is False
    assert before.session_timeout
    await api.update_config(Configurations(banner_message="closed on Sunday", session_timeout=45))
    try:
        changed = await api.get_config()
        assert changed.banner_message
        assert changed.banner_message.value == "closed on Sunday"
        assert changed.session_timeout
        assert changed.session_timeout.value == 45
        assert (await api.get_system_info()).banner_message == "closed on Sunday"
    finally:
        await api.update_config(Configurations(banner_message="", session_timeout=before.session_timeout.value))
    with pytest.raises(BadRequest):
        await api.update_config(Configurations(project_creation_restriction="nobody"))


async def test_a_project_is_given_a_limit_and_told_what_it_uses(api: HarborAsyncClient, stack: Running):
    name = unused("limited")
    await api.create_project(ProjectReq(project_name=name, storage_limit=2048))
    project = await api.get_project(name)
    (quota,) = await api.get_quotas(reference="project", reference_id=str(project.project_id))
    assert quota.id is not None
    assert quota.ref
    assert quota.ref.root
    assert (quota.ref.root["id"], quota.ref.root["name"]) == (project.project_id, name)
    assert (quota.hard, quota.used) == (ResourceList({"storage": 2048}), ResourceList({"storage": 0}))

    large = image(layers=1, size=4096)
    pushes.push_blobs(stack.wire(), f"{name}/app", large)
    pushes.put_manifest(stack.wire(), f"{name}/app", "v1", large.top).expect_error(403, "DENIED")
    await api.update_quota(quota.id, QuotaUpdateReq(hard=ResourceList({"storage": -1})))
    pushes.push_content(stack.wire(), f"{name}/app", large)
    found = await api.get_quota(quota.id)
    assert found.hard == ResourceList({"storage": -1})
    assert found.used
    assert found.used.root
    assert found.used.root["storage"] > 4096
    first = (await api.get_quotas(sort="-used.storage", page_size=100))[0]
    assert first.used
    assert first.used.root
    assert first.used.root["storage"] >= found.used.root["storage"]
    summary = await api.get_project_summary(name)
    assert summary.quota
    assert (summary.quota.hard, summary.quota.used) == (found.hard, found.used)
    assert len(await api.get_quotas(page_size=2)) == (await api.get_statistics()).total_project_count


async def test_a_provider_that_is_none_is_told_of(api: HarborAsyncClient):
    with pytest.raises(BadRequest):
        await api.test_oidc(OIDCTestReq(url=dead_url().replace("ldap", "http"), verify_cert=False))


async def test_allowlists_of_cves_are_kept(api: HarborAsyncClient):
    items = [CVEAllowlistItem(cve_id=f"CVE-2024-{number}") for number in (1111, 2222)]
    await api.update_cve_allowlist(CVEAllowlist(items=items, expires_at=1999999999))
    found = await api.get_cve_allowlist()
    assert (found.items, found.expires_at) == (items, 1999999999)
    await api.update_cve_allowlist(CVEAllowlist(items=[]))
    assert (await api.get_cve_allowlist()).items == []
    name = unused("allowing")
    own = ProjectMetadata(reuse_sys_cve_allowlist="false")  # else the system's is shown
    await api.create_project(ProjectReq(project_name=name, metadata=own, cve_allowlist=CVEAllowlist(items=items)))
    project = await api.get_project(name)
    assert project.cve_allowlist
    assert project.cve_allowlist.items == items


async def test_who_may_not_is_told_so(stack: Running, document: Document):
    async with signed_in(stack, document, "admin", "Wrong-Password-1") as nobody:
        with pytest.raises(Unauthorized) as refused:
            await nobody.get_system_info()
        assert refused.value.errors[0].code == "UNAUTHORIZED"


async def test_what_is_yet_to_come_is_an_error_of_its_own(api: HarborAsyncClient):
    api.client.event_hooks["response"].clear()  # the document doesn't have it
    with pytest.raises(StatusError) as later:
        await api.get_scanners()
    assert (later.value.status_code, later.value.errors[0].code) == (501, "NOT_IMPLEMENTED")


@pytest.fixture
def directory(workspace: Path) -> Iterator[Slapd]:
    with servers.running_slapd(workspace / unused("slapd")) as server:
        yield server


async def test_a_directory_is_tried_and_searched(api: HarborAsyncClient, directory: Slapd):
    settings = LdapConf(
        ldap_url=directory.url,
        ldap_search_dn=servers.SEARCH,
        ldap_search_password=servers.SEARCH_PASSWORD,
        ldap_base_dn=servers.BASE,
        ldap_uid="uid",
        ldap_scope=2,
        ldap_verify_cert=False,
    )
    assert (await api.ping_ldap(settings)).success
    wrong = settings.model_copy(update={"ldap_search_password": "wrong"})
    assert not (await api.ping_ldap(wrong)).success
    kept = settings.model_dump(exclude_unset=True)
    await api.update_config(Configurations(**kept, ldap_group_base_dn=servers.GROUPS))
    try:
        (lena,) = await api.search_ldap_users("lena")
        assert (lena.username, lena.email) == ("lena", "lena@example.com")
        (group,) = await api.search_ldap_groups(group_dn=group_dn("builders"))
        assert (group.group_name, group.ldap_group_dn) == ("builders", group_dn("builders"))
        assert [each.group_name for each in await api.search_ldap_groups(group_name="builders")] == ["builders"]
    finally:
        await api.update_config(Configurations(ldap_url="", ldap_search_dn="", ldap_base_dn="", ldap_group_base_dn=""))
