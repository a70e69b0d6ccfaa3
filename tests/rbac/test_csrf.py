"""Tokens that only a page of ours can know."""

import base64

import pytest

from rbac import csrf


def test_a_token_is_good_for_its_secret_alone():
    assert csrf.matches("one", csrf.token("one"))
    assert not csrf.matches("other", csrf.token("one"))


def test_it_is_another_text_each_time():
    assert len({csrf.token("one") for _ in range(20)}) == 20


def test_another_installation_has_others(settings):
    token = csrf.token("one")
    settings.SECRET_KEY = "another"
    assert not csrf.matches("one", token)


@pytest.mark.parametrize(
    "presented",
    ["", "x", "=", "é", "\ud800", "\x00", "A" * 88, "A" * 10**6, base64.urlsafe_b64encode(b"\0" * 64).decode()],
)
def test_what_is_none_is_refused(presented):
    assert not csrf.matches("one", presented)
