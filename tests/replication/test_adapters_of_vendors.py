"""Vendors' adapters against recorded answers: see `played`."""

import base64
import json
from datetime import UTC, datetime

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from oci.errors import Denied, NameInvalid, Unavailable, Unsupported
from replication.adapters import Access, adapter, aws_ecr, docker_hub, github_ghcr
from replication.adapters.aws_signature import Call, Signer
from replication.adapters.azure_acr import REFRESH
from tests.replication.played import Played, basic

A, B, C = (f"sha256:{each * 64}" for each in "abc")
_HELM = "application/vnd.cncf.helm.config.v1+json"
_IMAGE = "application/vnd.oci.image.config.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_OCI = "application/vnd.oci.image.manifest.v1+json"


def rows(found):
    return [(each.digest, each.tags) for each in found or ()]


# Docker Hub: https://docs.docker.com/reference/api/hub/latest/

HUB = {
    "POST /v2/auth/token": (200, {"access_token": "jwt"}),
    "GET /v2/namespaces/acme/repositories?page_size=100&page=1": (
        200,
        {"count": 2, "next": "…page=2", "results": [{"name": "app", "namespace": "acme", "is_private": True}]},
    ),
    "GET /v2/namespaces/acme/repositories?page_size=100&page=2": (
        200,
        {"count": 2, "next": None, "results": [{"name": "web", "namespace": "acme", "is_private": False}]},
    ),
    "GET /v2/namespaces/acme/repositories/web": (200, {"name": "web", "is_private": False}),
    "GET /v2/namespaces/acme/repositories/app/tags": (
        200,
        {
            "next": None,
            "results": [
                {"name": "v1", "full_size": 100, "digest": A, "images": [{"digest": C, "architecture": "amd64"}]},
                {"name": "latest", "full_size": 100, "digest": A, "images": []},
                {"name": "old", "full_size": 7, "images": []},
                {"name": "gone", "full_size": 7, "images": []},
            ],
        },
    ),
    "DELETE /v2/repositories/acme/app/tags/v1/": (204, None),
    "HEAD /v2/acme/app/manifests/old": (200, {"as": "long"}, {"Docker-Content-Digest": B, "Content-Type": _OCI}),
    "GET /v2/": (200, {}),
}


@pytest.fixture
def hub(monkeypatch):
    with Played(HUB) as played:
        monkeypatch.setattr(docker_hub.Adapter, "registry", played.url)
        yield played


def test_docker_hub_lists_a_namespace_with_the_account_s_token(hub):
    found = adapter("docker-hub", hub.access(access_key="acme", secret="pat"))
    assert list(found.repositories(["acme/**"])) == ["acme/app", "acme/web"]
    assert list(found.repositories(["acme/{w*,x}"])) == ["acme/web"]
    assert json.loads(hub.bodies[0]) == {"identifier": "acme", "secret": "pat"}
    assert {each.get("authorization") for each in hub.headers[1:]} == {"Bearer jwt"}


def test_docker_hub_looks_into_the_account_s_own_namespace_where_none_is_named(hub):
    assert list(adapter("docker-hub", hub.access(access_key="acme", secret="pat")).repositories(["**"])) == [
        "acme/app",
        "acme/web",
    ]
    with pytest.raises(NameInvalid, match="library/"):
        adapter("docker-hub", hub.access()).repositories(["**"])


def test_docker_hub_tells_tags_by_digest_and_asks_the_registry_for_those_it_does_not(hub):
    found = adapter("docker-hub", hub.access())
    assert rows(found.artifacts("acme/app")) == [(A, ("v1", "latest")), (B, ("old",))]
    assert rows(found.artifacts("acme/none")) == []


def test_docker_hub_has_names_of_two_components_and_deletes_tags(hub):
    found = adapter("docker-hub", hub.access(access_key="acme", secret="pat"))
    found.prepare("acme/app", public=False)
    for name in ("app", "acme/a/b"):
        with pytest.raises(NameInvalid):
            found.prepare(name, public=False)
    found.delete("acme/app", "v1")
    found.delete("acme/app", "none")
    assert "DELETE /v2/repositories/acme/app/tags/v1/" in hub.asked
    assert (found.is_public("acme/web"), found.is_public("acme/none")) == (True, False)


def test_docker_hub_says_that_the_account_s_password_is_wrong(hub):
    hub.answers["POST /v2/auth/token"] = (401, {"message": "Incorrect authentication credentials"})
    with pytest.raises(Exception, match="Incorrect authentication credentials"):
        adapter("docker-hub", hub.access(access_key="acme", secret="no")).check()


# Amazon ECR: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/


def test_aws_signatures_are_those_of_the_documentation():
    """The figures of "Deriving a signing key"; and botocore signs the same."""
    call, at = (
        Call("POST", "api.ecr.eu-west-1.amazonaws.com", "/", b'{"a": 1}'),
        datetime(2015, 8, 30, 12, 36, tzinfo=UTC),
    )
    given = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "T.Action"}
    signer = Signer("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-west-1", "ecr")
    assert signer.headers(call, given, at)["Authorization"] == _signed_by_botocore(call, given, "20150830T123600Z")
    iam = Signer("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "iam")
    assert iam._derived("20150830").hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
    assert "wJalr" not in repr(signer)


def _signed_by_botocore(call, given, moment):
    credentials = botocore.credentials.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    request = botocore.awsrequest.AWSRequest(
        call.method, f"https://{call.host}{call.path}", headers={**given, "X-Amz-Date": moment}, data=call.body
    )
    request.context["timestamp"] = moment
    signer = botocore.auth.SigV4Auth(credentials, "ecr", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return request.headers["Authorization"]


class Ecr:
    """The one path of ECR's API, whose action is a header."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []
        self.played = Played({"POST /": self._answer})

    def _answer(self, body):
        action = self.played.headers[-1]["x-amz-target"].rpartition(".")[2]
        self.asked.append((action, json.loads(body)))
        answer = self.answers[action]
        return answer(json.loads(body)) if callable(answer) else answer


@pytest.fixture
def ecr(monkeypatch):
    registry = {"authorizationToken": base64.b64encode(b"AWS:pass").decode(), "expiresAt": 1, "proxyEndpoint": ""}
    token = (200, {"authorizationData": [registry]})
    made = Ecr(GetAuthorizationToken=token)
    with made.played as played:
        registry["proxyEndpoint"] = played.url
        monkeypatch.setattr(aws_ecr.Adapter, "place", (played.url, "eu-west-1"))
        yield made


def ecr_adapter(ecr):
    return adapter("aws-ecr", ecr.played.access(access_key="AKID", secret="s3cret"))


def test_ecr_gives_a_password_for_the_registry(ecr):
    ecr.played.answers["GET /v2/"] = (401, {}, {"WWW-Authenticate": 'Basic realm="ecr"'})
    found = ecr_adapter(ecr)
    with pytest.raises(Exception, match="401"):
        found.check()  # the played one never takes it
    assert ecr.played.headers[0]["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
    assert ecr.played.headers[-1]["authorization"] == basic("AWS", "pass")


def test_ecr_lists_repositories_and_tagged_images_page_by_page(ecr):
    pages = {
        None: {"repositories": [{"repositoryName": "app"}], "nextToken": "2"},
        "2": {"repositories": [{"repositoryName": "team/web"}]},
    }
    ecr.answers["DescribeRepositories"] = lambda body: (200, pages[body.get("nextToken")])
    ecr.answers["DescribeImages"] = (
        200,
        {
            "imageDetails": [
                {
                    "imageDigest": A,
                    "imageTags": ["v1"],
                    "imageSizeInBytes": 5,
                    "imageManifestMediaType": _OCI,
                    "artifactMediaType": _IMAGE,
                },
                {"imageDigest": B, "imageTags": ["c1"], "imageManifestMediaType": _OCI, "artifactMediaType": _HELM},
                {"imageDigest": C, "imageTags": ["m"], "imageManifestMediaType": _INDEX},
            ]
        },
    )
    found = ecr_adapter(ecr)
    assert list(found.repositories(["**"])) == ["app", "team/web"]
    assert list(found.repositories(["team/**"])) == ["team/web"]
    assert [(each.digest, each.kind) for each in found.artifacts("app")] == [(A, "IMAGE"), (B, "CHART"), (C, "")]
    assert ecr.asked[-1][1]["filter"] == {"tagStatus": "TAGGED"}


def test_ecr_makes_repositories_and_takes_those_that_are_there(ecr):
    ecr.answers["CreateRepository"] = (200, {"repository": {"repositoryName": "team/app"}})
    found = ecr_adapter(ecr)
    found.prepare("team/app", public=False)
    found.prepare("team/app", public=False)
    assert len(ecr.asked) == 1, "it is remembered for a while"
    ecr.answers["CreateRepository"] = (400, {"__type": "RepositoryAlreadyExistsException", "message": "it is"})
    found.prepare("team/b", public=False)
    ecr.answers["CreateRepository"] = (400, {"__type": "AccessDeniedException", "message": "not authorized"})
    ecr.answers["DescribeRepositories"] = (200, {"repositories": [{"repositoryName": "team/c"}]})
    found.prepare("team/c", public=False)
    ecr.answers["DescribeRepositories"] = (400, {"__type": "RepositoryNotFoundException"})
    with pytest.raises(Denied, match="not authorized"):
        found.prepare("team/d", public=False)


def test_ecr_deletes_by_tag_and_by_digest(ecr):
    ecr.answers["BatchDeleteImage"] = (200, {"imageIds": [], "failures": [{"failureCode": "ImageNotFound"}]})
    found = ecr_adapter(ecr)
    found.delete("app", "v1")
    found.delete("app", A)
    assert [body["imageIds"] for _, body in ecr.asked] == [[{"imageTag": "v1"}], [{"imageDigest": A}]]
    refusal = {"failureCode": "ImageReferencedByManifestList", "failureReason": "an index names it"}
    ecr.answers["BatchDeleteImage"] = (200, {"failures": [refusal]})
    with pytest.raises(Denied, match="an index names it"):
        found.delete("app", A)


@pytest.mark.parametrize(
    ("host", "api", "region"),
    [
        ("api.ecr.eu-west-1.amazonaws.com", "api.ecr.eu-west-1.amazonaws.com", "eu-west-1"),
        ("123456789012.dkr.ecr.us-east-2.amazonaws.com", "api.ecr.us-east-2.amazonaws.com", "us-east-2"),
        ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "api.ecr-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("api.ecr.cn-north-1.amazonaws.com.cn", "api.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ],
)
def test_ecr_is_known_by_its_address(host, api, region):
    assert aws_ecr.Adapter(Access(f"https://{host}")).place == (f"https://{api}", region)


def test_ecr_is_at_no_other_address():
    with pytest.raises(Unavailable, match="no address of Amazon ECR"):
        _ = aws_ecr.Adapter(Access("https://registry.example")).place


# Azure: https://learn.microsoft.com/en-us/rest/api/containerregistry/

ACR = {
    "GET /acr/v1/_catalog?n=1000": (
        200,
        {"repositories": ["app"]},
        {"Link": '</acr/v1/_catalog?last=app&n=1000>; rel="next"'},
    ),
    "GET /acr/v1/_catalog?last=app&n=1000": (200, {"repositories": ["team/web"]}),
    "GET /acr/v1/team/web/_manifests": (
        200,
        {
            "registry": "acme.azurecr.io",
            "imageName": "team/web",
            "manifests": [
                {"digest": A, "imageSize": 9, "tags": ["v1", "latest"], "mediaType": _OCI, "configMediaType": _IMAGE},
                {"digest": B, "imageSize": 9, "mediaType": _OCI},
            ],
        },
    ),
    "DELETE /acr/v1/team/web/_tags/v1": (202, None),
    "POST /oauth2/token": (200, {"access_token": "short"}),
}


def test_azure_lists_repositories_and_tagged_manifests():
    with Played(ACR) as played:
        found = adapter("azure-acr", played.access(access_key="principal", secret="s"))
        assert list(found.repositories(["**"])) == ["app", "team/web"]
        assert rows(found.artifacts("team/web")) == [(A, ("v1", "latest"))]
        assert rows(found.artifacts("none")) == []
        found.delete("team/web", "v1")
        assert "DELETE /acr/v1/team/web/_tags/v1" in played.asked
        assert {each["authorization"] for each in played.headers} == {basic("principal", "s")}


def test_azure_changes_a_refresh_token_for_one_of_its_api():
    with Played(ACR) as played:
        found = adapter("azure-acr", played.access(access_key=REFRESH, secret="refresh"))
        assert list(found.repositories(["app*"])) == ["app"]
        assert b"refresh_token=refresh" in played.bodies[0]
        assert b"scope=registry%3Acatalog%3A%2A" in played.bodies[0]
        assert played.headers[1]["authorization"] == "Bearer short"
        found.delete("team/web", "v1")
        assert b"scope=repository%3Ateam%2Fweb%3Adelete" in played.bodies[-2]
        assert (played.asked[-1], played.headers[-1]["authorization"]) == (
            "DELETE /acr/v1/team/web/_tags/v1", "Bearer short",
        )  # fmt: skip


@pytest.mark.parametrize("access_key", ["principal", REFRESH])
def test_azure_is_reached_by_one_client_for_many_repositories(access_key):
    with Played(ACR) as played:
        found = adapter("azure-acr", played.access(access_key=access_key, secret="s"))
        for _ in range(5):
            assert rows(found.artifacts("team/web")) == [(A, ("v1", "latest"))]
        assert len(found._made) == 1


# Google: https://cloud.google.com/artifact-registry/docs/docker (the tags list with `child` and `manifest`)

GCR = {
    "GET /v2/project/tags/list": (200, {"child": ["app", "dir"], "manifest": {}, "name": "project", "tags": []}),
    "GET /v2/project/app/tags/list": (
        200,
        {
            "child": [],
            "manifest": {
                A: {"imageSizeBytes": "763789", "mediaType": _OCI, "tag": ["v1", "latest"]},
                B: {"imageSizeBytes": "1", "mediaType": _OCI, "tag": []},
            },
            "name": "project/app",
            "tags": ["v1", "latest"],
        },
    ),
    "GET /v2/project/dir/tags/list": (200, {"child": ["web"], "manifest": {}}),
    "GET /v2/project/dir/web/tags/list": (200, {"child": [], "manifest": {B: {"tag": ["x"]}}}),
    "DELETE /v2/project/app/manifests/v1": (202, None),
    "DELETE /v2/project/app/manifests/latest": (202, None),
    f"DELETE /v2/project/app/manifests/{A}": (202, None),
}


def test_google_s_lists_are_walked_down():
    with Played(GCR) as played:
        found = adapter("google-gcr", played.access(access_key="_json_key", secret='{"type": "service_account"}'))
        assert sorted(found.repositories(["project/**"])) == ["project/app", "project/dir/web"]
        assert sorted(found.repositories(["project/a*"])) == ["project/app"]
        assert rows(found.artifacts("project/app")) == [(A, ("v1", "latest"))]
        assert played.headers[0]["authorization"] == basic("_json_key", '{"type": "service_account"}')
        with pytest.raises(NameInvalid, match="PROJECT/"):
            found.repositories(["**"])


def test_google_deletes_an_artifact_after_its_tags():
    with Played(GCR) as played:
        adapter("google-gcr", played.access()).delete("project/app", A)
        deleted = [each.rpartition("/")[2] for each in played.asked if each.startswith("DELETE")]
        assert deleted == ["v1", "latest", A]


# Quay: https://docs.quay.io/api/swagger/

QUAY = {
    "GET /api/v1/repository?namespace=acme": (
        200,
        {"repositories": [{"namespace": "acme", "name": "app", "is_public": False}], "next_page": "n2"},
    ),
    "GET /api/v1/repository?namespace=acme&next_page=n2": (
        200,
        {"repositories": [{"namespace": "acme", "name": "web"}]},
    ),
    "GET /api/v1/repository/acme/app/tag/?onlyActiveTags=true&limit=100&page=1": (
        200,
        {"tags": [{"name": "v1", "manifest_digest": A, "size": 3}], "page": 1, "has_additional": True},
    ),
    "GET /api/v1/repository/acme/app/tag/?onlyActiveTags=true&limit=100&page=2": (
        200,
        {"tags": [{"name": "v2", "manifest_digest": A, "size": 3}], "page": 2, "has_additional": False},
    ),
    "GET /api/v1/organization/acme": (200, {"name": "acme"}),
    "GET /api/v1/users/bob": (200, {"username": "bob"}),
    "POST /api/v1/organization/": (201, "Created"),
}
QUAY_SECRET = json.dumps({"account_name": "acme+robot", "docker_cli_password": "p", "oauth2_token": "oauth"})


def test_quay_lists_by_its_api_with_the_oauth_token():
    with Played(QUAY) as played:
        found = adapter("quay", played.access(access_key="json_file", secret=QUAY_SECRET))
        assert list(found.repositories(["acme/**"])) == ["acme/app", "acme/web"]
        assert rows(found.artifacts("acme/app")) == [(A, ("v1", "v2"))]
        assert {each["authorization"] for each in played.headers} == {"Bearer oauth"}
        assert getattr(found.credential, "username", "") == "acme+robot"


def test_quay_s_organisations_are_made_where_neither_they_nor_a_user_is_there():
    with Played(QUAY) as played:
        found = adapter("quay", played.access(secret=QUAY_SECRET))
        found.prepare("acme/app", public=False)
        found.prepare("bob/app", public=False)
        assert not any(each.startswith("POST") for each in played.asked)
        found.prepare("new/app", public=False)
        assert json.loads(played.bodies[-1])["name"] == "new"


def test_quay_with_a_robot_alone_is_a_registry_as_any():
    found = adapter("quay", Access("https://quay.example", "acme+robot", "token"))
    assert found.artifacts("acme/app") is None
    assert getattr(found.credential, "username", "") == "acme+robot"
    found.prepare("acme/app", public=False)


# GitLab: https://docs.gitlab.com/api/container_registry/

GITLAB = {
    "GET /v2/": (401, {}, {"WWW-Authenticate": 'Bearer realm="{url}/jwt/auth",service="container_registry"'}),
    "GET /api/v4/groups/acme/registry/repositories": (200, [{"id": 1, "path": "acme/app/web", "project_id": 9}]),
    "GET /api/v4/users/bob/projects": (200, [{"id": 7}, {"id": 8, "container_registry_enabled": False}]),
    "GET /api/v4/projects/7/registry/repositories": (200, [{"id": 2, "path": "bob/app"}]),
    "GET /api/v4/projects?membership=true&per_page=100": (
        200,
        [{"id": 7}],
        {"Link": '<{url}/api/v4/projects?membership=true&page=2&per_page=100>; rel="next"'},
    ),
    "GET /api/v4/projects?membership=true&page=2&per_page=100": (200, [{"id": 9}, {"id": 10}]),  # 9 has gone
    "GET /api/v4/projects/10/registry/repositories": (200, [{"id": 3, "path": "other/app"}]),
}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("acme/**", ["acme/app/web"]),
        ("bob/*", ["bob/app"]),
        ("nobody/*", []),
        ("**/app", ["bob/app", "other/app"]),
    ],
)
def test_gitlab_lists_groups_users_and_all_that_one_is_a_member_of(pattern, found):
    with Played(GITLAB) as played:
        gitlab = adapter("gitlab", played.access(access_key="bob", secret="glpat"))
        assert list(gitlab.repositories([pattern])) == found
        assert {each.get("private-token") for each in played.headers[1:]} == {"glpat"}


# GitHub: https://docs.github.com/en/rest/packages/packages

_VERSIONS = [
    {"id": 1, "name": A, "metadata": {"package_type": "container", "container": {"tags": ["v1", "latest"]}}},
    {"id": 2, "name": B, "metadata": {"package_type": "container", "container": {"tags": []}}},
    {"id": 3, "name": C, "metadata": {"package_type": "container", "container": {"tags": ["v2"]}}},
]
GITHUB = {
    "GET /orgs/acme/packages": (200, [{"name": "app"}, {"name": "team/web"}]),
    "GET /users/bob/packages": (200, [{"name": "app"}]),
    "GET /orgs/acme/packages/container/team%2Fweb/versions": (200, _VERSIONS),
    "DELETE /orgs/acme/packages/container/team%2Fweb/versions/3": (204, None),
}


@pytest.fixture
def github(monkeypatch):
    with Played(GITHUB) as played:
        monkeypatch.setattr(github_ghcr.Adapter, "github", played.url)
        yield adapter("github-ghcr", played.access(access_key="bob", secret="ghp")), played


def test_github_lists_packages_and_tagged_versions(github):
    found, played = github
    assert list(found.repositories(["acme/**"])) == ["acme/app", "acme/team/web"]
    assert list(found.repositories(["bob/**"])) == ["bob/app"]
    assert rows(found.artifacts("acme/team/web")) == [(A, ("v1", "latest")), (C, ("v2",))]
    assert {each["authorization"] for each in played.headers} == {"Bearer ghp"}
    with pytest.raises(NameInvalid, match="OWNER/"):
        found.repositories(["**"])


def test_github_deletes_versions_and_no_tag_beside_others(github):
    found, played = github
    found.delete("acme/team/web", "v2")
    assert played.asked[-1] == "DELETE /orgs/acme/packages/container/team%2Fweb/versions/3"
    with pytest.raises(Unsupported, match="v1, latest"):
        found.delete("acme/team/web", "v1")


# Artifactory: https://jfrog.com/help/r/jfrog-rest-apis

JFROG = {
    "GET /artifactory/api/repositories?packageType=docker": (200, [{"key": "docker-local", "type": "LOCAL"}]),
    "GET /artifactory/api/docker/docker-local/v2/_catalog": (200, {"repositories": ["app", "team/web"]}),
    "GET /artifactory/api/repositories/docker-local": (200, {"key": "docker-local"}),
    "GET /artifactory/api/repositories/new": (400, {"errors": [{"status": 400, "message": "Bad Request"}]}),
    "PUT /artifactory/api/repositories/new": (200, None),
}


def test_artifactory_lists_its_docker_repositories_and_makes_one_once():
    with Played(JFROG) as played:
        found = adapter("jfrog-artifactory", played.access(access_key="bob", secret="token"))
        assert list(found.repositories(["**"])) == ["docker-local/app", "docker-local/team/web"]
        assert list(found.repositories(["docker-local/team/*"])) == ["docker-local/team/web"]
        for name in ("docker-local/app", "new/app", "new/web"):
            found.prepare(name, public=False)
        made = [json.loads(body) for asked, body in zip(played.asked, played.bodies, strict=True) if "PUT" in asked]
        assert made == [{"key": "new", "rclass": "local", "packageType": "docker"}]
