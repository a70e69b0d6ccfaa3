"""What of a provider's word is believed, and how long one waits for it: before a provider that forges and fails."""

import ssl
import threading
import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from rbac import oidc, turnstile
from rbac.errors import ProviderUnavailable, SignInRefused
from rbac.oidc import Person, Provider, metadata
from rbac.oidc.provider import TURN
from tests.deploy.certificates import make_certificate
from tests.forger import (
    Forger,
    by_its_own_key,
    by_public_key,
    dripping,
    half_hash,
    key,
    running_forger,
    unsigned,
)
from tests.provider import CLIENT_ID, CLIENT_SECRET

BACK = "https://registry.example.com/c/oidc/callback"


@pytest.fixture
def forger():
    with running_forger() as found:
        yield found


@pytest.fixture
def provider(forger) -> Provider:
    return provider_at(forger.url)


def provider_at(url: str, **more) -> Provider:
    return Provider(
        endpoint=url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, timeout=2, groups_claim="groups", **more
    )


def sign_in(forger: Forger, provider: Provider, said_issuer: str = "", **changed) -> Person:
    attempt = oidc.begin(provider, BACK)
    code = forger.consent(attempt.url)["code"]
    given = {"nonce": attempt.nonce, "verifier": attempt.verifier, "redirect_uri": BACK, **changed}
    return oidc.finish(provider, given.pop("code", code), said_issuer=said_issuer, **given)


def bearer(forger: Forger, **more) -> str:
    return forger.signed(forger.standard(**more))


# --- how a sign-in goes


def test_the_browser_is_sent_away_with_state_nonce_and_a_challenge(forger, provider):
    first, second = (oidc.begin(replace(provider, scope="openid email"), BACK) for _ in range(2))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(first.url).query).items()}
    assert first.url.startswith(f"{forger.url}/authorize?")
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert first.verifier not in first.url
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": BACK,
        "scope": "openid email",
        "state": first.state,
        "nonce": first.nonce,
        "code_challenge": asked["code_challenge"],
        "code_challenge_method": "S256",
    }
    assert len({first.state, first.nonce, first.verifier, second.state, second.nonce, second.verifier}) == 6
    assert first.verifier not in repr(first)


def test_extra_parameters_come_along_but_replace_none_of_ours(forger, provider):
    extra = '{"prompt": "login & more", "state": "s", "redirect_uri": "https://evil.example", "code_challenge": "x"}'
    attempt = oidc.begin(replace(provider, extra=extra), BACK)
    asked = parse_qs(urlsplit(attempt.url).query)
    assert asked["prompt"] == ["login & more"]
    assert (asked["state"], asked["redirect_uri"]) == ([attempt.state], [BACK])


def test_an_authorization_endpoint_may_have_a_query_of_its_own(forger, provider):
    forger.metadata["authorization_endpoint"] += "?tenant=a"
    assert parse_qs(urlsplit(oidc.begin(provider, BACK).url).query)["tenant"] == ["a"]


def test_the_code_becomes_whom_the_provider_vouches_for(forger, provider):
    forger.claims["groups"] = ["builders", "admins"]
    person = sign_in(forger, provider)
    assert (person.issuer, person.subject) == (forger.url, "alice")
    assert (person.name, person.email, person.realname) == ("Alice Example", "alice@example.com", "Alice Example")
    assert person.groups == ("admins", "builders")
    assert person.id_token not in repr(person)


def test_the_client_says_who_it_is_as_the_provider_wants(forger, provider):
    sign_in(forger, provider)
    assert forger.authorization.startswith("Basic ")  # its secret holds +, % and a space, and the forger compares it
    forger.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    metadata.forget()
    sign_in(forger, provider)
    assert forger.authorization == ""  # it came in the form
    with pytest.raises(ProviderUnavailable, match="refuses us as its client: invalid_client"):
        sign_in(forger, replace(provider, client_secret="another"))


def test_a_user_claim_names_the_person(forger, provider):
    forger.claims["preferred_username"] = "alice.e"
    assert sign_in(forger, replace(provider, user_claim="preferred_username")).name == "alice.e"
    assert sign_in(forger, replace(provider, user_claim="nickname")).name == ""
    del forger.claims["name"]
    assert sign_in(forger, provider).name == "alice.e"


def test_what_the_id_token_lacks_comes_from_userinfo(forger, provider):
    forger.claims = {"name": "From the token"}
    forger.userinfo = {"name": "From userinfo", "email": "u@example.com", "groups": ["builders"], "iss": "evil"}
    person = sign_in(forger, provider)
    assert (person.name, person.email, person.groups) == ("From the token", "u@example.com", ("builders",))
    assert person.issuer == forger.url
    asked = forger.asked.count("/userinfo")
    forger.claims = {"name": "a", "email": "b", "groups": []}
    sign_in(forger, provider)
    assert forger.asked.count("/userinfo") == asked


def test_userinfo_about_somebody_else_is_refused(forger, provider):
    forger.claims, forger.userinfo = {}, {"sub": "mallory", "groups": ["admins"]}
    with pytest.raises(SignInRefused, match="another"):
        sign_in(forger, provider)


@pytest.mark.parametrize("groups", ["builders", ["builders", 7, None, {"a": 1}, "x" * 300, "a\x00b", "\ud800", ""]])
def test_of_a_groups_claim_what_can_be_a_group_counts(forger, provider, groups):
    forger.claims["groups"] = groups
    assert sign_in(forger, provider).groups == ("builders",)


@pytest.mark.parametrize("claim", [None, 7, {}, [], [[]], True])
def test_a_claim_of_another_kind_is_none(forger, provider, claim):
    forger.claims = {"name": claim, "email": claim, "groups": claim, "preferred_username": claim}
    person = sign_in(forger, provider)
    assert (person.name, person.email, person.groups) == ("", "", ())


def test_a_good_at_hash_is_taken_and_a_wrong_one_is_not(forger, provider):
    forger.claims["at_hash"] = half_hash("access")
    sign_in(forger, provider)
    for wrong in (half_hash("another"), "", 7, ["x"], "é"):
        forger.claims["at_hash"] = wrong
        if wrong == "":
            continue  # the same as none
        with pytest.raises(SignInRefused):
            sign_in(forger, provider)


# --- what isn't believed


def forged(forger: Forger, **claims):
    forger.make_token = lambda good: forger.signed(good | claims)


HOUR = 3600
WRONG_CLAIMS = [
    {"iss": "https://accounts.example.com"},
    {"iss": None},
    {"aud": "another"},
    {"aud": ["another"]},
    {"aud": []},
    {"aud": {}},
    {"aud": [CLIENT_ID, "another"]},  # for both, and nothing says which of them was meant
    {"aud": [CLIENT_ID, "another"], "azp": "another"},
    {"azp": "another"},
    {"exp": int(time.time()) - HOUR},
    {"exp": None},
    {"exp": "tomorrow"},
    {"exp": True},
    {"iat": int(time.time()) + HOUR},
    {"nbf": int(time.time()) + HOUR},
    {"sub": ""},
    {"sub": None},
    {"sub": 7},
    {"sub": "x" * 256},
    {"sub": "a\x00b"},
    {"sub": "\ud800"},
    {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
]


@pytest.mark.parametrize("claims", WRONG_CLAIMS)
def test_an_id_token_that_is_not_meant_for_us_now_is_refused(forger, provider, claims):
    forged(forger, **claims)
    with pytest.raises(SignInRefused):
        sign_in(forger, provider)
    forger.make_token = forger.signed
    assert sign_in(forger, provider).subject == "alice"


@pytest.mark.parametrize("nonce", ["another", "", None, 7])
def test_an_id_token_of_another_sign_in_is_refused(forger, provider, nonce):
    forged(forger, nonce=nonce)
    with pytest.raises(SignInRefused, match="nonce"):
        sign_in(forger, provider)


def test_an_id_token_without_a_nonce_is_refused(forger, provider):
    forger.make_token = lambda good: forger.signed({name: good[name] for name in good if name != "nonce"})
    with pytest.raises(SignInRefused, match="nonce"):
        sign_in(forger, provider)


FORGERIES = [
    unsigned,
    by_public_key,
    by_its_own_key,
    lambda claims: by_public_key(claims, alg="HS256", kid="none"),
    lambda claims: Forger("").signed(claims, by="two", kid="one"),  # another key under the same name
    lambda claims: Forger("").signed(claims, by="two"),  # a key that isn't the provider's
    lambda claims: Forger("").signed(claims, alg="RS512"),  # by what the provider says that it doesn't use
    lambda claims: Forger("").signed(claims, typ="logout+jwt"),
    lambda claims: Forger("").signed(claims, typ="at+jwt"),
    lambda claims: Forger("").signed(claims)[:-4] + "AAAA",
    lambda claims: Forger("").signed(claims).rpartition(".")[0] + ".",
    lambda claims: ".".join(reversed(Forger("").signed(claims).split("."))),
    lambda _: "",
    lambda _: "a.b.c",
    lambda _: "a.b.c.d.e",
    lambda _: "é.é.é",
    lambda _: "\x00",
    lambda _: "A" * 200_000,
]


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_id_token_is_refused(forger, provider, forge):
    forger.make_token = forge
    with pytest.raises(SignInRefused):
        sign_in(forger, provider)


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_bearer_is_refused(forger, provider, forge):
    assert oidc.subject_of(provider, bearer(forger)) == (forger.url, "alice")
    with pytest.raises(SignInRefused):
        oidc.subject_of(provider, forge(forger.standard()))


@pytest.mark.parametrize("claims", WRONG_CLAIMS)
def test_a_bearer_that_is_not_meant_for_us_now_is_refused(forger, provider, claims):
    with pytest.raises(SignInRefused):
        oidc.subject_of(provider, bearer(forger, **claims))


def test_a_critical_header_that_is_not_understood_is_refused(forger, provider):
    with pytest.raises(SignInRefused):
        oidc.subject_of(provider, by_public_key(forger.standard(), crit=["x"], x=1))


def test_a_header_of_the_providers_own_is_no_matter(forger, provider):
    token = forger.signed(forger.standard(), x5t="abc", ctx="something")
    assert oidc.subject_of(provider, token) == (forger.url, "alice")


def test_a_code_is_good_once_and_with_the_verifier_alone(forger, provider):
    attempt = oidc.begin(provider, BACK)
    code = forger.consent(attempt.url)["code"]
    given = {"said_issuer": "", "nonce": attempt.nonce, "redirect_uri": BACK}
    with pytest.raises(SignInRefused, match="invalid_grant"):
        oidc.finish(provider, code, verifier="x" * 64, **given)
    code = forger.consent(attempt.url)["code"]
    assert oidc.finish(provider, code, verifier=attempt.verifier, **given)
    with pytest.raises(SignInRefused, match="invalid_grant"):
        oidc.finish(provider, code, verifier=attempt.verifier, **given)


@pytest.mark.parametrize("code", ["", "x", "é", "a b&c=d", "\x00", "x" * 10_000])
def test_a_code_that_is_none_is_refused_and_the_provider_stays_in_use(forger, provider, code):
    with pytest.raises(SignInRefused):
        sign_in(forger, provider, code=code)
    assert sign_in(forger, provider).subject == "alice"


def test_an_answer_that_names_another_provider_is_refused(forger, provider):
    assert sign_in(forger, provider, said_issuer=forger.url)
    with pytest.raises(SignInRefused, match="another"):
        sign_in(forger, provider, said_issuer="https://evil.example")
    forger.metadata["authorization_response_iss_parameter_supported"] = True
    metadata.forget()
    assert sign_in(forger, provider, said_issuer=forger.url)
    with pytest.raises(SignInRefused, match="another"):
        sign_in(forger, provider)


@pytest.mark.parametrize("answer", [{"id_token": None}, {"id_token": 7}, {"access_token": ""}, {"access_token": 7}])
def test_an_answer_without_tokens_is_refused(forger, provider, answer):
    forger.token_answer = answer
    forger.claims = {}  # so that userinfo is asked
    with pytest.raises((SignInRefused, ProviderUnavailable)):
        sign_in(forger, provider)


# --- the provider's own word about itself


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"issuer": "https://accounts.example.com"}, "calls itself"),
        ({"issuer": None}, "issuer"),
        ({"jwks_uri": None}, "jwks_uri"),
        ({"token_endpoint": 7}, "token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"authorization_endpoint": "http://user@127.0.0.1/"}, "authorization_endpoint"),
        ({"userinfo_endpoint": "file:///etc/passwd"}, "userinfo_endpoint"),
        ({"end_session_endpoint": ["x"]}, "end_session_endpoint"),
        ({"jwks_uri": "gopher://127.0.0.1/"}, "jwks_uri"),
        ({"jwks_uri": "http://[::1"}, "not available"),
        ({"id_token_signing_alg_values_supported": ["none", "HS256"]}, "algorithm"),
    ],
)
def test_a_provider_that_cannot_be_used_is_said_to_be_so(forger, provider, said, words):
    forger.metadata |= said
    with pytest.raises(ProviderUnavailable, match=words):
        oidc.test(provider)


def test_an_issuer_may_end_in_a_slash(forger, provider):
    forger.metadata["issuer"] = forger.url + "/"
    forger.make_token = lambda good: forger.signed(good | {"iss": forger.url + "/"})
    assert sign_in(forger, provider).issuer == forger.url + "/"


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [{}],
        ["x"],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}],
        [{"kty": "RSA", "n": "AQAB", "kid": "one"}],
        [{"kty": "EC", "crv": "P-1", "x": "a", "y": "b"}],
        [{"kty": "post-quantum"}],
        [{**dict(key("one").as_dict(private=False)), "use": "enc"}],
    ],
)
def test_keys_that_cannot_be_used_are_left_out(forger, provider, keys):
    good = forger.keys
    forger.keys = keys
    with pytest.raises(ProviderUnavailable, match="no public key"):
        oidc.test(provider)
    forger.keys = keys + good
    assert oidc.subject_of(provider, bearer(forger)) == (forger.url, "alice")


def test_a_new_key_of_the_providers_is_asked_for(forger, provider):
    sign_in(forger, provider)
    forger.keys = [dict(key("two").as_dict(private=False))]
    forger.make_token = lambda good: forger.signed(good, by="two")
    assert sign_in(forger, provider).subject == "alice"
    assert oidc.subject_of(provider, forger.signed(forger.standard(), by="two"))
    with pytest.raises(SignInRefused):
        oidc.subject_of(provider, bearer(forger))  # by the one that it has no more


def test_bearers_by_keys_that_are_none_ask_the_provider_once_in_a_while(forger, provider):
    oidc.subject_of(provider, bearer(forger))
    asked = len(forger.asked)
    for _ in range(20):
        with pytest.raises(SignInRefused):
            oidc.subject_of(provider, forger.signed(forger.standard(), by="two"))
    assert len(forger.asked) == asked


def test_bearers_for_others_ask_the_provider_nothing(forger, provider):
    for claims in ({"aud": "another"}, {"iss": "https://other.example"}):
        with pytest.raises(SignInRefused, match="somebody else's"):
            oidc.subject_of(provider, bearer(forger, **claims))
    assert forger.asked == []


def test_what_the_provider_says_of_itself_is_read_once(forger, provider):
    for _ in range(3):
        sign_in(forger, provider)
        oidc.subject_of(provider, bearer(forger))
    assert forger.asked.count("/.well-known/openid-configuration") == forger.asked.count("/jwks") == 1


def test_signing_out_names_the_token_unless_it_is_too_long_for_a_url(forger, provider):
    assert oidc.sign_out_url(provider, "token", "https://registry.example.com/") == ""
    forger.metadata["end_session_endpoint"] = f"{forger.url}/end?a=b"
    metadata.forget()
    for token, hints in (("token", ["token"]), ("x" * 10_000, [])):
        url = oidc.sign_out_url(provider, token, "https://registry.example.com/")
        said = parse_qs(urlsplit(url).query)
        assert said["post_logout_redirect_uri"] == ["https://registry.example.com/"]
        assert (said["client_id"], said["a"], said.get("id_token_hint", [])) == ([CLIENT_ID], ["b"], hints)


# --- a provider that is away, slow or hostile


def test_one_that_is_away_is_left_alone_for_a_while(forger):
    gone = provider_at("http://127.0.0.1:1")
    with pytest.raises(ProviderUnavailable, match=r"127\.0\.0\.1"):
        oidc.begin(gone, BACK)
    with pytest.raises(ProviderUnavailable, match="a moment ago"):
        oidc.begin(gone, BACK)
    oidc.begin(provider_at(forger.url), BACK)  # another one is none of it


def test_trying_it_out_neither_waits_for_that_nor_causes_it(forger, provider):
    forger.routes["/jwks"] = lambda: (500, {}, b"")
    with pytest.raises(ProviderUnavailable, match="500"):
        oidc.test(provider)
    with pytest.raises(ProviderUnavailable, match="500"):
        oidc.begin(provider, BACK)
    del forger.routes["/jwks"]
    oidc.test(provider)


def test_while_it_is_away_its_keys_are_remembered(forger, provider, monkeypatch):
    token = bearer(forger)
    oidc.subject_of(provider, token)
    monkeypatch.setattr(metadata, "_FRESH", -1.0)
    monkeypatch.setitem(metadata.known.__kwdefaults__, "fresh", -1.0)
    forger.routes["/.well-known/openid-configuration"] = lambda: (503, {}, b"")
    assert oidc.subject_of(provider, token) == (forger.url, "alice")
    monkeypatch.setattr(metadata, "_STALE", -1.0)
    with pytest.raises(ProviderUnavailable):
        oidc.subject_of(provider, token)


REDIRECT = {"Location": "http://127.0.0.1:1/elsewhere", "Content-Length": "0"}


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"])
@pytest.mark.parametrize(
    "answer",
    [
        (302, REDIRECT, b""),
        (200, {}, b"not JSON"),
        (200, {}, b"[]"),
        (200, {}, b"7"),
        (200, {}, b"[" * 100_000),
        (200, {}, b"\xff\xfe"),
        (500, {}, b"{}"),
        (200, {"Content-Encoding": "gzip"}, b"not gzip"),
        (200, {}, b'{"a": "' + b"x" * 600_000 + b'"}'),
        (200, {"Content-Length": "1000000"}, b"{"),
    ],
)
def test_an_answer_that_is_none_is_an_outage(forger, provider, path, answer):
    forger.claims = {}  # so that userinfo is asked
    forger.routes[path] = lambda: answer
    began = time.monotonic()
    with pytest.raises(ProviderUnavailable):
        sign_in(forger, provider)
    assert time.monotonic() - began < 2 * provider.timeout + 2
    assert "/elsewhere" not in forger.asked


def test_a_bomb_is_not_unpacked(forger, provider):
    import gzip  # noqa: PLC0415

    bomb = gzip.compress(b" " * 200_000_000)
    forger.routes["/jwks"] = lambda: (200, {"Content-Encoding": "gzip"}, bomb)
    with pytest.raises(ProviderUnavailable, match="longer than"):
        oidc.test(provider)


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"],
)
def test_one_that_drips_costs_no_more_than_the_time_out(head):
    with dripping(head=head) as url:
        began = time.monotonic()
        with pytest.raises(ProviderUnavailable):
            oidc.begin(provider_at(url), BACK)
        assert time.monotonic() - began < 4


def test_one_that_hangs_holds_up_one_process_and_tells_the_others(forger, provider):
    def hang() -> tuple[int, dict[str, str], bytes]:
        time.sleep(10)
        return 200, {}, b""

    forger.routes["/jwks"] = hang
    failures: list[str] = []

    def try_it() -> None:
        with pytest.raises(ProviderUnavailable) as failure:
            oidc.begin(provider, BACK)
        failures.append(str(failure.value))

    threads = [threading.Thread(target=try_it) for _ in range(3)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 5
    assert sum("busy" in failure for failure in failures) == 2


def test_a_turn_that_another_has_is_waited_for_briefly(provider):
    with turnstile.turn(TURN), pytest.raises(ProviderUnavailable, match="busy"):
        oidc.begin(provider, BACK)


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with running_forger(lambda sock: context.wrap_socket(sock, server_side=True), "https") as found:
        yield found


def test_a_certificate_that_nobody_vouches_for_is_refused(secure):
    with pytest.raises(ProviderUnavailable, match=r"(?i)certificate"):
        oidc.test(provider_at(secure.url))


def test_one_of_the_companys_own_authority_is_taken(secure, certificate):
    assert sign_in(secure, provider_at(secure.url, ca_file=str(certificate[0]))).subject == "alice"


def test_verification_can_be_turned_off(secure):
    assert sign_in(secure, provider_at(secure.url, verify_cert=False)).subject == "alice"


def test_a_missing_authority_is_an_outage(secure):
    with pytest.raises(ProviderUnavailable):
        oidc.test(provider_at(secure.url, ca_file="/nonexistent.pem"))


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
def test_with_tls_no_endpoint_goes_without(secure, certificate, name):
    secure.metadata[name] = secure.metadata[name].replace("https", "http")
    with pytest.raises(ProviderUnavailable, match=f"{name} is no https URL"):
        oidc.test(provider_at(secure.url, ca_file=str(certificate[0])))


def test_netrc_is_not_for_the_provider(forger, provider, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    assert sign_in(forger, provider).subject == "alice"
