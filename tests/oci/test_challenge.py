"""Challenges: what registries write into WWW-Authenticate, which realms are trusted, and what is asked of them."""

import base64
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oci.addresses import Origin
from oci.challenge import Challenge, Realm, asking, parse, realm_of, token_in, widened
from oci.credential import BearerToken, Credential, IdentityToken
from oci.errors import Denied, Unavailable

SECURE = Origin.of("https://registry.example.com")
PLAIN = Origin.of("http://registry.example.com:5000")
TOKENS = st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="x"', [("basic", {"realm": "x"})]),
        ("Basic", [("basic", {})]),
        ("BASIC REALM=x", [("basic", {"realm": "x"})]),
        (
            'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull,push"',
            [
                (
                    "bearer",
                    {
                        "realm": "https://auth.example.com/token",
                        "service": "registry",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ('Bearer realm = "a" , service = "b"', [("bearer", {"realm": "a", "service": "b"})]),
        ('Bearer realm="a", Basic realm="b"', [("bearer", {"realm": "a"}), ("basic", {"realm": "b"})]),
        ('Basic realm="b",Bearer realm="a",x=c', [("basic", {"realm": "b"}), ("bearer", {"realm": "a", "x": "c"})]),
        ('Negotiate, Basic realm="b"', [("negotiate", {}), ("basic", {"realm": "b"})]),
        ('Negotiate YWJj==, Basic realm="b"', [("negotiate", {}), ("basic", {"realm": "b"})]),
        (r'Basic realm="a \"b\" \\ c, Bearer realm=x"', [("basic", {"realm": r'a "b" \ c, Bearer realm=x'})]),
        ('Bearer realm=https://a.example/t?x=y,x=z', [("bearer", {"realm": "https://a.example/t?x=y", "x": "z"})]),
        ('Bearer realm="first",realm="second"', [("bearer", {"realm": "first"})]),
        (", ,Basic realm=x, ,", [("basic", {"realm": "x"})]),
        ('Bearer realm="never closed', [("bearer", {})]),
        ("", []),
        ("=,=", []),
    ],
)  # fmt: skip
def test_challenges_are_read(header, expected):
    assert [(found.scheme, dict(found.parameters)) for found in parse([header])] == expected


def test_several_headers_are_several_challenges():
    assert [found.scheme for found in parse(["Basic realm=a", "Bearer realm=b"])] == ["basic", "bearer"]


@given(
    st.lists(
        st.tuples(TOKENS, st.dictionaries(TOKENS, st.text(st.characters(codec="latin-1")), max_size=3)), max_size=3
    )
)
def test_what_is_written_by_the_rules_is_read_as_it_was_meant(challenges):
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    meant = [
        (scheme, {name.lower(): value for name, value in reversed(fields.items())}) for scheme, fields in challenges
    ]
    written = ", ".join(
        f"{scheme} " + ", ".join(f"{name}={quoted(value)}" for name, value in fields.items())
        for scheme, fields in challenges
    )
    usable = all("\n" not in value for _, fields in meant for value in fields.values())
    read = [(found.scheme, dict(found.parameters)) for found in parse([written])]
    if usable:
        assert read == [(scheme.lower(), fields) for scheme, fields in meant]


@given(st.text(max_size=200))
def test_any_header_is_read_to_something(header):
    assert isinstance(parse([header]), list)


def test_a_header_made_to_be_slow_is_not():
    for header in ('Bearer realm="' + "\\" * 100_000, "a=" * 100_000, "Basic " + "x " * 100_000, '"' * 100_000):
        parse([header])


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        (SECURE, "https://registry.example.com/token"),
        (SECURE, "https://auth.example.net/token?x=y"),
        (SECURE, "https://auth.example.net:8443/token"),
        (PLAIN, "http://registry.example.com:5001/token"),
        (PLAIN, "http://REGISTRY.example.com/token"),
        (PLAIN, "https://auth.example.net/token"),
    ],
)
def test_a_realm_gets_the_credential(registry, realm):
    assert realm_of(Challenge("bearer", {"realm": realm, "service": "s"}), registry) == Realm(realm, "s")


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        (SECURE, ""),
        (SECURE, "/token"),
        (SECURE, "//auth.example.net/token"),
        (SECURE, "http://registry.example.com/token"),
        (SECURE, "http://auth.example.net/token"),
        (PLAIN, "http://auth.example.net/token"),
        (PLAIN, "http://registry.example.com.evil.example/token"),
        (SECURE, "https://user@auth.example.net/token"),
        (SECURE, "https://registry.example.com@evil.example/token"),
        (SECURE, "https://user:secret@auth.example.net/token"),
        (SECURE, "https://"),
        (SECURE, "https:///token"),
        (SECURE, "ftp://auth.example.net/"),
        (SECURE, "file:///etc/passwd"),
        (SECURE, "javascript:alert(1)"),
        (SECURE, "https://auth.example.net/token#fragment"),
        (SECURE, "https://auth.example.net/to ken"),
        (SECURE, "https://auth.example.net/\r\nX: y"),
        (SECURE, "https://registry.example.com\\@evil.example/token"),
        (SECURE, "https://[::1"),
        (SECURE, "https://auth.example.net:99999/"),
        (SECURE, "https://auth.example.net/" + "x" * 3000),
    ],
)
def test_a_realm_gets_none(registry, realm):
    with pytest.raises(Denied, match="token service"):
        realm_of(Challenge("bearer", {"realm": realm}), registry)


def test_scopes_are_widened_by_what_the_registry_names_for_the_same_resource_alone():
    challenge = Challenge(
        "bearer", {"scope": "repository:a/b:metadata_read,pull repository:other:push registry:catalog:*"}
    )
    assert widened(("repository:a/b:pull",), challenge) == ("repository:a/b:pull,metadata_read",)
    assert widened(("repository:a/b:pull,push", "repository:c:pull"), challenge) == (
        "repository:a/b:pull,push,metadata_read",
        "repository:c:pull",
    )
    assert widened((), challenge) == ()


def test_a_password_asks_by_get():
    made = asking(
        Realm("https://a.example/t?x=y", "the service"),
        ("repository:a:pull", "repository:b:push"),
        Credential("me", "pä:ss"),
    )
    assert made.method == "GET"
    assert made.body is None
    assert parse_qs(urlsplit(made.url).query) == {
        "x": ["y"], "service": ["the service"], "scope": ["repository:a:pull", "repository:b:push"], "account": ["me"],
    }  # fmt: skip
    assert base64.b64decode(made.headers["Authorization"].removeprefix("Basic ")).decode() == "me:pä:ss"


def test_nobody_asks_without_a_header():
    made = asking(Realm("https://a.example/t", ""), (), None)
    assert (made.url, made.headers, made.body) == ("https://a.example/t", {}, None)


def test_a_refresh_token_asks_by_post():
    made = asking(
        Realm("https://a.example/t", "s"), ("repository:a:pull", "repository:b:push"), IdentityToken("re&fresh")
    )
    assert made.method == "POST"
    assert made.url == "https://a.example/t"
    assert made.body is not None
    assert parse_qs(made.body.decode()) == {
        "grant_type": ["refresh_token"], "refresh_token": ["re&fresh"], "client_id": ["roadstead"], "service": ["s"],
        "scope": ["repository:a:pull repository:b:push"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "value", "life"),
    [
        ({"token": "t"}, "t", 54),
        ({"access_token": "t"}, "t", 54),
        ({"token": "t", "access_token": "u", "expires_in": 300}, "t", 270),
        ({"token": "t", "expires_in": 3600}, "t", 3570),
        ({"token": "t", "expires_in": 10}, "t", 9),
        ({"token": "t", "expires_in": 0}, "t", 54),
        ({"token": "t", "expires_in": -5}, "t", 54),
        ({"token": "t", "expires_in": "soon"}, "t", 54),
        ({"token": "t", "expires_in": None}, "t", 54),
    ],
)
def test_a_token_is_used_until_shortly_before_its_end(answer, value, life):
    found = token_in(json.dumps(answer).encode(), now=1000.0)
    assert (found.value, found.until, found.refresh) == (value, 1000.0 + life, "")


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"no", b"[]", b"null", b"{}", b"[" * 100_000),
        *(b'{"token": 1}', b'{"token": ""}', b'{"token": "a\\r\\nX: y"}', b'{"token": "\xc3\xa4"}'),
    ],
)
def test_an_answer_without_a_usable_token_is_an_error(payload):
    with pytest.raises(Unavailable, match="token service"):
        token_in(payload)


@pytest.mark.parametrize("secret", [Credential("me", "s3cret"), IdentityToken("s3cret"), BearerToken("s3cret")])
def test_no_secret_is_shown(secret):
    assert "s3cret" not in f"{secret} {secret!r}"
    made = asking(Realm("https://a.example/t", "s"), (), secret)
    assert "s3cret" not in repr(made)
    assert base64.b64encode(b"me:s3cret").decode() not in repr(made)
    assert "s3cret" not in repr(token_in(b'{"token": "s3cret", "refresh_token": "s3cret"}'))
