"""One of everything, at ids and under names that are known: what a client that guesses well would find."""

import json
from typing import Any

from django.db import transaction
from django.utils import timezone

from artifacts.models import ArtifactLabel, Manifest, ManifestChild, Repository, Tag
from projects.models import ImmutableRule, Label, Member, PersonalToken, Project, Quota, Robot
from rbac.models import Group, Role
from replication.models import Endpoint, Execution, LogLine, Policy, State, Task
from tests.people import make_user

ID = 10**12  # of everything; no sequence comes there
_IMAGE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
DIGEST = f"sha256:{'a' * 64}"

# By the names of the paths' parameters.
KNOWN: dict[str, list[Any]] = {
    "project_name": ["team", "library"],
    "project_name_or_id": ["team", str(ID), "library"],
    "repository_name": ["app"],
    "reference": ["v1", DIGEST, "multi"],
    "tag_name": ["v1"],
    "meta_name": ["public", "auto_scan"],
    "addition": ["build_history"],
    "robot_id": [ID, ID + 1],
}
# What else an operation needs, to be carried out: values of its path, its query, and a body.
PLACES: dict[str, dict[str, Any]] = {
    "createPersonalToken": {"user_id": "current"},
    "updateProjectMetadata": {"meta_name": "auto_scan"},
    "deleteProjectMetadata": {"meta_name": "auto_scan"},
    "GetRobotByIDV1": {"robot_id": ID + 1},
    "UpdateRobotV1": {"robot_id": ID + 1},
    "DeleteRobotV1": {"robot_id": ID + 1},
    "UpdateRobot": {"robot_id": ID},
    "deleteRegistry": {"id": ID + 1},
}
_PULL = {"resource": "repository", "action": "pull"}
_EVERYWHERE = {"kind": "project", "namespace": "*", "access": [_PULL]}
_RULE = {
    "action": "immutable",
    "template": "immutable_template",
    "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "r*"}],
    "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
}
QUERIES: dict[str, dict[str, str]] = {
    "search": {"q": "team"},
    "headProject": {"project_name": "team"},
    "searchUsers": {"username": "some"},
    "searchUserGroups": {"groupname": "those"},
    "ListLabels": {"scope": "g"},
}
BODIES: dict[str, Any] = {
    "createProject": {"project_name": "made", "metadata": {"public": "false"}},
    "updateProject": {"metadata": {"severity": "low"}},
    "createUser": {"username": "made", "email": "made@example.com", "password": "Correct-Horse-1"},
    "updateUserProfile": {"email": "other@example.com", "realname": "Other"},
    "updateUserPassword": {"new_password": "Correct-Horse-2"},
    "setUserSysAdmin": {"sysadmin_flag": True},
    "createTag": {"name": "v2"},
    "updateRepository": {"description": "words"},
    "updateConfigurations": {"token_expiration": 10},
    "UpdateLabel": {"name": "other"},
    "updateUserGroup": {"group_name": "others"},
    "createPersonalToken": {"name": "made"},
    "pingLdap": {"ldap_url": "ldap://127.0.0.1:1"},
    "putSystemCVEAllowlist": {"items": [{"cve_id": "CVE-2026-1"}]},
    "CreateRobot": {"name": "made", "level": "system", "duration": -1, "permissions": [_EVERYWHERE]},
    "UpdateRobot": {"name": "seen", "level": "system", "duration": 30, "permissions": [_EVERYWHERE]},
    "CreateRobotV1": {"name": "made", "expires_at": -1, "access": [{"resource": "repository", "action": "pull"}]},
    "UpdateRobotV1": {"disable": True},
    "RefreshSec": {},
    "CreateImmuRule": _RULE,
    "UpdateImmuRule": {"id": ID, "disabled": True},
    "addProjectMetadatas": {"severity": "high"},
    "updateProjectMetadata": {"auto_scan": "false"},
    "createProjectMember": {"role_id": 2, "member_user": {"username": "admin"}},
    "updateProjectMember": {"role_id": 3},
    "addLabel": {"id": ID + 1},
    "CreateLabel": {"name": "made", "scope": "g"},
    "createUserGroup": {"group_name": "made", "group_type": 3},
    "updateQuota": {"hard": {"storage": 5}},
    "createReplicationPolicy": {"name": "made", "dest_registry": {"id": ID}},
    "updateReplicationPolicy": {"name": "seen", "src_registry": {"id": ID}, "trigger": {"type": "manual"}},
    "startReplication": {"policy_id": ID},
}


def known(operation: str, name: str, choice: int = 0) -> Any:
    """A value for the path's parameter `name` that leads somewhere."""
    values = KNOWN.get(name, [ID])
    return PLACES.get(operation, {}).get(name, values[choice % len(values)])


@transaction.atomic
def build() -> None:
    """Everything. The administrator is `admin`; nobody else can sign in that matters here."""
    admin = make_user("admin", id=ID + 1, is_admin=True)
    user = make_user("somebody", id=ID, email="somebody@example.com")
    group = Group.objects.create(id=ID, name="those")
    team = Project.objects.create(id=ID, name="team", owner=admin, metadata={"auto_scan": "true"})
    Project.objects.create(id=ID + 1, name="library", public=True)
    role = Role.objects.get(name="developer")
    Member.objects.create(id=ID, project=team, role=role, user=user)
    Member.objects.create(id=ID + 1, project=team, role=role, group=group)
    _fill(team)
    _replicate()
    label = Label.objects.create(id=ID, project=team, name="seen", color="#fff")
    Label.objects.create(id=ID + 1, project=team, name="unseen")
    ArtifactLabel.objects.create(manifest_id=ID, label=label)
    Robot.objects.create(id=ID, name="seen", secret="none")
    Robot.objects.create(id=ID + 1, name="team+seen", project=team, secret="none")
    PersonalToken.objects.create(id=ID, user=user, name="seen", digest="none", session_epoch=user.session_epoch)
    Quota.objects.filter(project=team).delete()
    Quota.objects.create(id=ID, project=team)
    ImmutableRule.objects.create(
        id=ID, project=team, repository_decoration="repoMatches", repository_pattern="x/**",
        tag_decoration="matches", tag_pattern="v*",
    )  # fmt: skip


def _replicate() -> None:
    """What was replicated to a registry that isn't there."""
    elsewhere = {"kind": "docker-registry", "url": "http://127.0.0.1:1", "healthy": False, "problem": "it is nowhere"}
    used = Endpoint.objects.create(id=ID, name="seen", **elsewhere)
    Endpoint.objects.create(id=ID + 1, name="unused", **elsewhere)
    filters = [{"type": "tag", "value": "v*", "decoration": "matches"}]
    policy = Policy.objects.create(id=ID, name="seen", destination=used, filters=filters)
    over = {"state": State.FAILED, "ended_at": timezone.now()}
    execution = Execution.objects.create(
        id=ID, policy=policy, trigger="manual", planned=True, total=1, failed=1, **over
    )
    row = {"id": ID, "execution": execution, "source": "team/app", "destination": "team/app", "reference": DIGEST}
    LogLine.objects.create(task=Task.objects.create(**row, **over), text="it is nowhere")


def _fill(team: Project) -> None:
    repository = Repository.objects.create(id=ID, name="team/app", project=team)
    config = {"mediaType": _CONFIG, "digest": DIGEST, "size": 2}
    image = _manifest(repository, ID, DIGEST, _IMAGE, config=config, layers=[])
    part = {"mediaType": _IMAGE, "digest": DIGEST, "size": 2}
    index = _manifest(repository, ID + 1, f"sha256:{'b' * 64}", _INDEX, manifests=[part])
    ManifestChild.objects.create(parent=index, child=image)
    Tag.objects.create(id=ID, repository=repository, name="v1", manifest=image)
    Tag.objects.create(id=ID + 1, repository=repository, name="multi", manifest=index)


def _manifest(repository: Repository, number: int, digest: str, media_type: str, **fields: Any) -> Manifest:
    payload = json.dumps({"schemaVersion": 2, "mediaType": media_type, **fields}).encode()
    return Manifest.objects.create(
        id=number, repository=repository, digest=digest, media_type=media_type, size=2, payload=payload
    )


def crowd_more(number: int) -> None:
    """One more of what else pages list: people, robots, labels, rules, and what was replicated."""
    team, pk = Project.objects.get(name="team"), ID + 10 + number
    user = make_user(f"more-{number}")
    group = Group.objects.create(id=pk, name=f"more-{number}")
    Group.objects.get(pk=ID).users.add(user)
    Member.objects.create(project=team, role=Role.objects.get(name="guest"), group=group)
    for project, name in ((None, f"more-{number}"), (team, f"team+more-{number}")):
        Robot.objects.create(name=name, project=project, secret="none")
        label = Label.objects.create(project=project, name=f"more-{number}")
        ArtifactLabel.objects.create(manifest_id=ID, label=label)
    ImmutableRule.objects.create(
        project=team, repository_decoration="repoMatches", repository_pattern=f"more-{number}",
        tag_decoration="matches", tag_pattern="v*",
    )  # fmt: skip
    Tag.objects.create(repository_id=ID, name=f"again-{number}", manifest_id=ID)
    referrer = _manifest(Repository.objects.get(pk=ID), ID + 100 + number, f"sha256:{number + 100:064x}", _IMAGE)
    Manifest.objects.filter(pk=referrer.pk).update(subject=DIGEST, listed=False)
    _replicate_more(pk)


def _replicate_more(pk: int) -> None:
    endpoint = Endpoint.objects.create(name=f"more-{pk}", kind="docker-registry", url="http://127.0.0.1:1")
    policy = Policy.objects.create(id=pk, name=f"more-{pk}", source=endpoint)
    Execution.objects.create(id=pk, policy=policy, trigger="manual", planned=True, total=1)
    again = {"policy_id": ID, "trigger": "manual", "state": State.FAILED, "ended_at": timezone.now()}
    Execution.objects.create(id=pk + 100, **again)
    row = {"source": f"more-{pk}", "destination": "team/app", "reference": DIGEST}
    Task.objects.create(id=pk, execution_id=ID, state=State.FAILED, ended_at=timezone.now(), **row)
    LogLine.objects.create(task_id=ID, text="it is nowhere")


def fill_more(number: int) -> None:
    """One more tagged image in the repository, and one more repository beside it."""
    repository = Repository.objects.get(name="team/app")
    image = _manifest(repository, ID + 10 + number, f"sha256:{number:064x}", _IMAGE, layers=[])
    Tag.objects.create(repository=repository, name=f"more-{number}", manifest=image)
    Repository.objects.create(name=f"team/more-{number}", project=repository.project)
