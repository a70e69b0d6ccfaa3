"""nginx in a container is told when what it leads to stands at another address; a script stands in for it."""

import signal
from collections.abc import Iterator

import pytest

from deploy import following

# Ends with 7 when it is to read its configuration again, with 3 when it is to end.
_NGINX = ["/bin/sh", "-c", "trap 'exit 7' HUP; trap 'exit 3' TERM; touch \"$0\"; while :; do sleep 0.05; done"]


@pytest.fixture(autouse=True)
def handlers(monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(following, "_SECONDS", 0.05)
    told = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in told}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_another_address_has_nginx_look_names_up_again(tmp_path, monkeypatch):
    ready = tmp_path / "ready"
    looks = []

    def addresses(names: list[str]) -> frozenset[tuple[str, str]] | None:
        looks.append(names)
        if not ready.exists():
            return frozenset({("web", "10.0.0.5")})
        return None if len(looks) % 2 else frozenset({("web", "10.0.0.10")})  # None: down, in between

    monkeypatch.setattr(following, "_addresses", addresses)
    assert following.run([*_NGINX, str(ready)], ["web"]) == 7


def test_what_the_container_is_told_nginx_is_told(tmp_path, monkeypatch):
    ready = tmp_path / "ready"

    def addresses(_names: list[str]) -> None:
        if ready.exists():
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(following, "_addresses", addresses)
    assert following.run([*_NGINX, str(ready)], ["web"]) == 3


def test_a_name_without_an_address_says_nothing():
    assert following._addresses(["127.0.0.1"]) == frozenset({("127.0.0.1", "127.0.0.1")})
    assert following._addresses(["127.0.0.1", "nowhere.invalid"]) is None
