"""TLS by the stack itself and by a balancer before it; and two stacks beside each other."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flows.clients import Docker, Podman, Skopeo, program
from tests.flows.conformance import pushes
from tests.flows.content import image, write_layout
from tests.flows.stacks import Running, eventually, running_stack
from tests.flows.wire import Wire, parse_challenge
from tests.ports import free_port


@dataclass(frozen=True)
class Certificate:
    directory: Path

    @property
    def certificate(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def key(self) -> Path:
        return self.directory / "server.pem"


@pytest.fixture(scope="module")
def certificate(workspace: Path) -> Certificate:
    made = Certificate(workspace / "certificate")
    made.directory.mkdir()
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    made.key.chmod(0o600)
    return made


@pytest.fixture(scope="module")
def secure(workspace: Path, certificate: Certificate) -> Iterator[Running]:
    with running_stack(
        workspace / "secure",
        ROADSTEAD_TLS_CERT=str(certificate.certificate),
        ROADSTEAD_TLS_KEY=str(certificate.key),
    ) as running:
        running.create_project("vault")
        yield running


def trusting(directory: Path, certificate: Certificate) -> list[str]:
    """The option of skopeo and podman to trust our certificate, and it alone."""
    directory.mkdir()
    (directory / "ca.crt").write_bytes(certificate.certificate.read_bytes())
    return ["--cert-dir", str(directory)]


def test_the_stack_speaks_tls(secure: Running, certificate: Certificate) -> None:
    assert secure.url.startswith("https://")
    wire, content = secure.wire(ca=str(certificate.certificate)), image()
    challenge = parse_challenge(wire.send("GET", f"{secure.url}/v2/").expect(401).headers["WWW-Authenticate"])
    assert challenge["realm"] == f"{secure.url}/service/token"
    pushes.push_content(wire, "vault/app", content)
    pushes.get_manifest(wire, "vault/app", "latest").expect(200).expect_body(content.top.payload)


def test_skopeo_goes_over_tls_with_the_certificate_verified(
    secure: Running, certificate: Certificate, tmp_path: Path
) -> None:
    skopeo, content = Skopeo(tmp_path / "skopeo", insecure=False), image()
    trust = trusting(tmp_path / "trust", certificate)
    skopeo.run("login", *trust, "-u", "admin", "-p", secure.admin_password, secure.host)
    layout, there = write_layout(content, tmp_path / "in"), f"docker://{secure.host}/vault/skopeo:v1"
    skopeo.run("copy", "--dest-cert-dir", trust[1], f"oci:{layout}:latest", there)
    assert skopeo.run("inspect", *trust, "--format", "{{.Digest}}", there) == content.top.digest
    assert "certificate" in skopeo.refused("inspect", there)


def test_podman_goes_over_tls(podman: Podman, secure: Running, certificate: Certificate, tmp_path: Path) -> None:
    content = image()
    trust = trusting(tmp_path / "trust", certificate)
    pushes.push_content(secure.wire(ca=str(certificate.certificate)), "vault/podman", content)
    podman.run("login", *trust, "-u", "admin", "--password-stdin", secure.host, stdin=secure.admin_password)
    podman.run("pull", *trust, f"{secure.host}/vault/podman:latest")


def test_docker_goes_over_tls(docker: Docker, secure: Running) -> None:
    """The engine takes any certificate from 127.0.0.1; that it comes over TLS is what the stack offers alone."""
    docker.login(secure.host, "admin", secure.admin_password)
    name = f"{secure.host}/vault/docker:v1"
    image_id = docker.build(name, ("/data", os.urandom(1000)))
    docker.run("push", name)
    docker.run("image", "rm", "-f", name)
    docker.run("pull", name)
    assert docker.image_id(name) == image_id


def test_the_challenge_names_what_the_balancer_says(stack: Running) -> None:
    headers = {"Host": "registry.example.com", "X-Forwarded-Proto": "https"}
    answer = stack.wire().send("GET", f"{stack.url}/v2/", headers).expect(401)
    challenge = parse_challenge(answer.headers["WWW-Authenticate"])
    assert challenge["realm"] == "https://registry.example.com/service/token"


@pytest.mark.parametrize("proto", ["javascript", 'https"', "https, http", "HTTPS://evil", ""])
def test_a_forwarded_protocol_that_is_none_is_not_repeated(proto: str, stack: Running) -> None:
    headers = {"Host": "registry.example.com", "X-Forwarded-Proto": proto}
    answer = stack.wire().send("GET", f"{stack.url}/v2/", headers).expect(401)
    realm = parse_challenge(answer.headers["WWW-Authenticate"])["realm"]
    assert realm in ("http://registry.example.com/service/token", "https://registry.example.com/service/token")


BALANCER = """
user root; daemon off; error_log stderr; pid {home}/nginx.pid; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  server {{
    listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; client_max_body_size 0;
    location / {{ proxy_pass {upstream}; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto https; }}
  }}
}}
"""


@pytest.fixture
def balancer(stack: Running, certificate: Certificate, tmp_path: Path) -> Iterator[str]:
    """A TLS terminator of the usual kind before the plain stack: its URL."""
    port = free_port()
    values = {"certificate": certificate.certificate, "key": certificate.key, "upstream": stack.url}
    (tmp_path / "nginx.conf").write_text(BALANCER.format(home=tmp_path, port=port, **values))
    process = subprocess.Popen([program("nginx"), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    url = f"https://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(url, certificate), "the balancer does not answer")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def _answers(url: str, certificate: Certificate) -> bool:
    try:
        return Wire(url, ca=str(certificate.certificate)).send("GET", f"{url}/v2/").status == 401
    except Exception:
        return False


def test_skopeo_goes_through_a_tls_balancer(
    balancer: str, stack: Running, certificate: Certificate, tmp_path: Path
) -> None:
    skopeo, content = Skopeo(tmp_path / "skopeo", insecure=False), image(size=300_000)
    trust, host = trusting(tmp_path / "trust", certificate), balancer.removeprefix("https://")
    skopeo.run("login", *trust, "-u", "admin", "-p", stack.admin_password, host)
    layout, place = write_layout(content, tmp_path / "in"), f"library/balanced-{os.urandom(4).hex()}"
    skopeo.run("copy", "--dest-cert-dir", trust[1], f"oci:{layout}:latest", f"docker://{host}/{place}:v1")
    skopeo.run("copy", "--src-cert-dir", trust[1], f"docker://{host}/{place}:v1", f"oci:{tmp_path / 'out'}:v1")
    pushes.get_manifest(stack.wire(), place, "v1").expect(200).expect_body(content.top.payload)


def test_two_stacks_run_side_by_side(stack: Running, secure: Running, certificate: Certificate, tmp_path: Path) -> None:
    """Their people, tokens and content are their own; an image goes from one to the other by skopeo."""
    ours, theirs = stack.wire(), secure.wire(ca=str(certificate.certificate))
    content, place = image(), f"library/both-{os.urandom(4).hex()}"
    pushes.push_content(ours, place, content)
    pushes.get_manifest(theirs, place, "latest").expect(404)
    token = ours.request("GET", f"/v2/{place}/tags/list").expect(200) and next(iter(ours._tokens.values()))
    refused = theirs.send("GET", f"{secure.url}/v2/{place}/tags/list", {"Authorization": f"Bearer {token}"})
    refused.expect(401)
    stack.create_user("only-here")
    skopeo = Skopeo(tmp_path / "skopeo")
    for running in (stack, secure):
        skopeo.run("login", "--tls-verify=false", "-u", "admin", "-p", running.admin_password, running.host)
    skopeo.copy(f"docker://{stack.host}/{place}:latest", f"docker://{secure.host}/{place}:latest")
    pushes.get_manifest(theirs, place, "latest").expect(200).expect_body(content.top.payload)
