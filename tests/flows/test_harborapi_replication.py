"""Harbor's client from PyPI, unchanged: registries, replication policies and what came of them."""

import anyio
import pytest
from harborapi import HarborAsyncClient
from harborapi.exceptions import BadRequest, Conflict, NotFound, PreconditionFailed
from harborapi.models import (
    Registry,
    RegistryPing,
    RegistryUpdate,
    ReplicationExecution,
    ReplicationFilter,
    ReplicationPolicy,
    ReplicationTrigger,
    ReplicationTriggerSettings,
)

from tests.flows.conformance import pushes
from tests.flows.content import image
from tests.flows.harbor import number_in, unused
from tests.flows.replicating import OVER
from tests.flows.stacks import Running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site(api: HarborAsyncClient, distribution: str) -> int:
    """A plain Distribution elsewhere, as a registry."""
    return number_in(await api.create_registry(Registry(name=unused("site"), type="docker-registry", url=distribution)))


async def test_a_registry_is_made_tried_changed_and_deleted(api: HarborAsyncClient, distribution: str):
    name = unused("site")
    form = Registry(name=name, type="docker-registry", url=distribution, description="over there")
    registry_id = number_in(await api.create_registry(form))
    with pytest.raises(Conflict):
        await api.create_registry(form)
    with pytest.raises(BadRequest):
        await api.create_registry(form.model_copy(update={"name": unused("site"), "url": "http://127.0.0.1:1"}))
    found = await api.get_registry(registry_id)
    assert (found.name, found.url, found.status, found.description) == (name, distribution, "healthy", "over there")
    assert [each.id for each in await api.get_registries(query=f"name={name}")] == [registry_id]
    await api.check_registry_status(RegistryPing(id=registry_id))
    await api.check_registry_status(RegistryPing(type="docker-registry", url=distribution))
    with pytest.raises(BadRequest):
        await api.check_registry_status(RegistryPing(id=registry_id, url="http://127.0.0.1:1"))
    await api.update_registry(registry_id, RegistryUpdate(name=f"{name}-2"))
    assert (await api.get_registry(registry_id)).name == f"{name}-2"
    info = await api.get_registry_info(registry_id)
    assert info.type == "docker-registry"
    assert "scheduled" in (info.supported_triggers or [])
    await api.delete_registry(registry_id)
    with pytest.raises(NotFound):
        await api.get_registry(registry_id)


async def test_the_kinds_of_registries_are_listed(api: HarborAsyncClient):
    kinds = set(await api.get_registry_adapters())
    assert {"harbor", "docker-hub", "docker-registry", "aws-ecr", "azure-acr", "google-gcr", "quay"} <= kinds
    assert set((await api.get_registry_providers()).root) == kinds


async def test_a_policy_is_made_found_changed_and_deleted(api: HarborAsyncClient, site: int):
    name = unused("nightly")
    trigger = ReplicationTrigger(type="scheduled", trigger_settings=ReplicationTriggerSettings(cron="0 0 3 * * *"))
    filters = [
        ReplicationFilter(type="name", value="team/**"),
        ReplicationFilter(type="tag", value="v*", decoration="excludes"),
    ]
    form = ReplicationPolicy(
        name=name, dest_registry=Registry(id=site), trigger=trigger, filters=filters, enabled=False, speed=512
    )
    policy_id = number_in(await api.create_replication_policy(form))
    with pytest.raises(Conflict):
        await api.create_replication_policy(form)
    with pytest.raises(BadRequest):
        await api.create_replication_policy(form.model_copy(update={"src_registry": Registry(id=site)}))
    found = await api.get_replication_policy(policy_id)
    assert found.trigger == trigger
    assert found.dest_registry is not None
    assert (found.dest_registry.id, found.speed, found.enabled) == (site, 512, False)
    assert [(each.type, each.value) for each in found.filters or []] == [("name", "team/**"), ("tag", "v*")]
    await api.update_replication_policy(policy_id, found.model_copy(update={"description": "as it was read"}))
    again = await api.get_replication_policy(policy_id)
    assert again.description == "as it was read"
    assert again.filters == found.filters
    assert [each.id for each in await api.get_replication_policies(name=name)] == [policy_id]
    with pytest.raises(PreconditionFailed):
        await api.start_replication(policy_id)
    with pytest.raises(PreconditionFailed):
        await api.delete_registry(site)
    await api.delete_replication_policy(policy_id)
    with pytest.raises(NotFound):
        await api.get_replication_policy(policy_id)
    await api.delete_registry(site)


async def ended(api: HarborAsyncClient, execution_id: int) -> ReplicationExecution:
    with anyio.fail_after(60):
        while (found := await api.get_replication(execution_id)).status not in OVER:
            await anyio.sleep(0.2)
    return found


async def test_a_policy_is_carried_out_and_tells_what_it_did(api: HarborAsyncClient, site: int, stack: Running):
    project = unused("sent")
    stack.create_project(project)
    for name in ("app", "web"):
        pushes.push_content(stack.wire(), f"{project}/{name}", image().tag("v1"))
    form = ReplicationPolicy(
        name=unused("push"),
        dest_registry=Registry(id=site),
        dest_namespace="mirror",
        dest_namespace_replace_count=0,
        filters=[ReplicationFilter(type="name", value=f"{project}/**")],
        enabled=True,
        override=True,
    )
    policy_id = number_in(await api.create_replication_policy(form))
    execution_id = number_in(await api.start_replication(policy_id))
    found = await ended(api, execution_id)
    assert (found.status, found.total, found.succeed, found.failed) == ("Succeed", 2, 2, 0), found.status_text
    assert [each.id for each in await api.get_replications(policy_id=policy_id)] == [execution_id]
    tasks = await api.get_replication_tasks(execution_id)
    assert {each.status for each in tasks} == {"Succeed"}
    assert {(each.dst_resource or "").partition(" ")[0] for each in tasks} == {
        f"mirror/{project}/app",
        f"mirror/{project}/web",
    }
    assert tasks[0].id is not None
    assert "[INFO]" in await api.get_replication_task_log(execution_id, tasks[0].id)
    await api.stop_replication(execution_id)  # it is over: nothing happens
    assert (await api.get_replication(execution_id)).status == "Succeed"
    again = await ended(api, number_in(await api.start_replication(policy_id)))
    assert (again.status, again.total) == ("Succeed", 0)
    await api.delete_replication_policy(policy_id)
    with pytest.raises(NotFound):
        await api.get_replication(execution_id)
