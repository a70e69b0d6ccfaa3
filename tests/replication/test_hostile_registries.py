"""Registries that answer anything, and addresses that are hardly any: each ends as an error in words."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.client import FetchedManifest
from oci.digest import Digest
from oci.errors import ManifestInvalid, RegistryError
from oci.listener import Listener, Reply
from replication import endpoints, graph
from replication.adapters import Access, adapter, aws_ecr, docker_hub, github_ghcr, infos, reading
from replication.endpoints import Settings
from replication.errors import EndpointUnhealthy, InvalidEndpoint
from tests.door import image

_DIGEST = f"sha256:{'a' * 64}"
ANSWERS = [
    b"",
    b"null",
    b"7",
    b'"text"',
    b"[]",
    b"{}",
    b"[null]",
    b'[{"name": null, "path": 3, "id": "x", "digest": {}, "tags": "v1", "key": []}]',
    b'{"repositories": {"a": 1}, "tags": [1], "manifest": [1], "child": "x", "results": "x", "manifests": [[]]}',
    b'{"repositories": [1], "tags": [{"name": "v1"}], "manifest": {"a": 1}, "child": [1], "results": [{}], "next": 1}',
    b'{"access_token": 5, "authorizationData": [{"authorizationToken": "\xc3\x9f"}], "repositories": null}',
    b'{"access_token": "t", "authorizationData": [], "imageDetails": [{}], "metadata": {"public": [1]}}',
    b'{"authorizationData": [{"authorizationToken": "QVdTOng=", "proxyEndpoint": "file:///etc/passwd"}]}',
    b'{"is_private": "no", "secret": 1, "failures": [{"failureCode": 1}], "__type": 5, "has_additional": "x"}',
    b"[" * 100_000,
    b"\xff\xfe",
    b"<html>",
]


@pytest.fixture(scope="module")
def liar():
    """Answers what it is told to, whatever it is asked."""
    told: dict[str, Any] = {"status": 200, "payload": b""}

    def answer(*_):
        headers = {"Content-Type": "application/json", "WWW-Authenticate": 'Bearer realm="https://127.0.0.1:1/t"'}
        return Reply(told["status"], headers, told["payload"])

    listener = Listener(answer)
    yield f"http://127.0.0.1:{listener.port}", told
    listener.stop()


def _try(deed) -> None:
    try:
        found = deed()
        for place, _ in enumerate(found if hasattr(found, "__next__") else ()):
            if place > 10:
                return
    except RegistryError:
        return


@pytest.mark.parametrize("kind", infos())
@pytest.mark.parametrize("status", [200, 401])
def test_whatever_is_answered_is_a_result_or_an_error_in_words(liar, monkeypatch, kind, status):
    url, told = liar
    monkeypatch.setattr(docker_hub.Adapter, "registry", url)
    monkeypatch.setattr(github_ghcr.Adapter, "github", url)
    monkeypatch.setattr(aws_ecr.Adapter, "place", (url, "eu-west-1"))
    monkeypatch.setattr(reading.places, "__defaults__", (5,))
    for payload in ANSWERS:
        told.update(status=status, payload=payload)
        secret = '{"account_name": "a", "docker_cli_password": "p", "oauth2_token": "t"}'
        found = adapter(kind, Access(url, "name", secret, private=True, tries=1, timeout=5.0))
        _try(found.check)
        _try(lambda found=found: found.repositories(["team/**"]))
        _try(lambda found=found: found.repositories(["**"]))
        _try(lambda found=found: found.artifacts("team/app"))
        _try(lambda found=found: found.is_public("team/app"))
        _try(lambda found=found: found.holders(_DIGEST))
        _try(lambda found=found: found.prepare("team/app", public=False))
        _try(lambda found=found: found.delete("team/app", "v1"))
        _try(lambda found=found: found.delete("team/app", _DIGEST))
        found.close()


_ODD = st.text("ab.-:/[]%@?#\\_1٣ßxn*'\"~\t\n\x00é", max_size=20)


_HOSTS = """
a..b . - [::1%25eth0] [v1.x] [::ffff:127.0.0.1] 0x7f000001 2130706433 127.1 xn-- xn--a * a_b.invalid localhost. 0 [::]
"""


@pytest.mark.django_db
@pytest.mark.parametrize("host", [*_HOSTS.split(), "a" * 64])
def test_no_address_however_written_gets_past_an_error_in_words(host):
    for kind in ("docker-registry", "harbor", "aws-ecr"):
        with pytest.raises((EndpointUnhealthy, InvalidEndpoint)):
            endpoints.look(Settings("x", kind, f"http://{host}:9"))


@given(_ODD)
def test_what_is_read_as_a_url_can_be_called(text):
    try:
        url = endpoints.parse_url(f"http://{text}")
    except InvalidEndpoint:
        return
    for kind in ("docker-registry", "harbor", "gitlab", "jfrog-artifactory"):
        found = adapter(kind, Access(url))
        _ = found.client, found.vendor_api(url)
        found.close()


class Endless:
    """A source of one image, to which ever more refers."""

    name = "endless"

    def __init__(self, image: FetchedManifest) -> None:
        self.image, self.told = image, 0

    def manifest(self, *_):
        return self.image

    def referrers(self, *_):
        while True:
            self.told += 1
            yield Digest.of(str(self.told).encode())

    def belongings(self, *_):
        return {}


def test_a_list_of_referrers_without_an_end_is_read_no_further_than_an_artifact_may_be_large():
    top = image().top
    found = FetchedManifest(top.media_type, top.payload, Digest.parse(top.digest))
    site = Endless(found)
    with ThreadPoolExecutor(1) as pool, pytest.raises(ManifestInvalid, match="too many for one artifact"):
        graph.collect(site, "far/app", found.digest, pool, lambda: None)  # type: ignore[arg-type]
    assert site.told <= graph.MOST + 1
