"""The files that the stack and the containers are given: does nginx take them, and docker-compose?"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from config.home import CHECKOUT
from deploy.nginx import Site, render
from deploy.pieces import ORDER
from deploy.problem import Problem
from tests.deploy.certificates import make_certificate

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"


def site(home: Path, **chosen) -> Site:
    given = {"store": home / "store"} | chosen
    return Site(
        port=8080,
        web=f"unix:{home}/web.sock",
        registry="127.0.0.1:5000",
        temporary=home,
        static=home / "static",
        pid=home / "nginx.pid",
        root=os.getuid() == 0,
        **given,
    )


def accepted(home: Path, text: str) -> None:
    (home / "nginx.conf").write_text(text)
    command = [NGINX, "-t", "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "warn" in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("ipv6", [False, True])
@pytest.mark.parametrize("trusted", [(), ("10.0.0.0/8", "2001:db8::/32")])
def test_nginx_takes_the_configuration_for_http(tmp_path, ipv6, trusted):
    accepted(tmp_path, render(site(tmp_path, ipv6=ipv6, trusted=trusted)))


def test_nginx_takes_the_configuration_for_tls(tmp_path):
    certificate, key = make_certificate(tmp_path)
    text = render(site(tmp_path, certificate=certificate, key=key, ipv6=True))
    accepted(tmp_path, text)
    assert "listen 8080 ssl" in text


def test_nginx_takes_the_configuration_for_an_object_store(tmp_path):
    text = render(site(tmp_path, store=None))
    accepted(tmp_path, text)
    assert "_layers" not in text
    assert "/_blob/" not in text


def test_nothing_of_the_template_is_left_over(tmp_path):
    text = render(site(tmp_path))
    assert "{{" not in text
    assert not [line for line in text.splitlines() if line.lstrip().startswith(("#[", "#]"))]


@pytest.mark.parametrize("bad", ['a"b', "a;b", "a$b", "a b", "a{b", "a\nb"])
def test_a_path_that_nginx_would_misread_is_refused(tmp_path, bad):
    with pytest.raises(Problem, match="plain characters"):
        render(site(tmp_path / bad))


@pytest.mark.parametrize("bad", ["everybody", "10.0.0.0/33", "1.2.3.4; return 200"])
def test_a_network_that_is_none_is_refused(tmp_path, bad):
    with pytest.raises(Problem, match="ROADSTEAD_TRUSTED_PROXIES"):
        render(site(tmp_path, trusted=(bad,)))


def test_docker_compose_takes_the_file_on_a_fresh_checkout():
    done = subprocess.run(
        ["docker-compose", "-f", str(CHECKOUT / "docker-compose.yml"), "config", "--services"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == set(ORDER)


def test_lock_files_name_no_host():
    for name in ("requirements.txt", "requirements-dev.txt"):
        assert "://" not in (CHECKOUT / name).read_text()
