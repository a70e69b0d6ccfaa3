"""What a provider says of itself, how it is asked, and how long one waits for it: before one that fails."""

import gzip
import ssl
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from rbac import oidc, turnstile
from rbac.errors import ProviderUnavailable, SignInRefused
from rbac.oidc import metadata
from rbac.oidc.provider import TURN
from tests.deploy.certificates import make_certificate
from tests.forger import dripping, key, running_forger
from tests.provider import CLIENT_ID
from tests.rbac.signing_in import BACK, bearer, forger, provider_at, set_up, sign_in

__all__ = ["forger", "set_up"]


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
def test_a_provider_that_cannot_be_used_is_said_to_be_so(forger, set_up, said, words):
    forger.metadata |= said
    with pytest.raises(ProviderUnavailable, match=words):
        oidc.test(set_up)


def test_an_issuer_may_end_in_a_slash(forger, set_up):
    forger.metadata["issuer"] = forger.url + "/"
    forger.make_token = lambda good: forger.signed(good | {"iss": forger.url + "/"})
    assert sign_in(forger, set_up).issuer == forger.url + "/"


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
def test_keys_that_cannot_be_used_are_left_out(forger, set_up, keys):
    good = forger.keys
    forger.keys = keys
    with pytest.raises(ProviderUnavailable, match="no public key"):
        oidc.test(set_up)
    forger.keys = keys + good
    assert oidc.subject_of(set_up, bearer(forger)) == (forger.url, "alice")


def test_a_new_key_of_the_providers_is_asked_for(forger, set_up):
    sign_in(forger, set_up)
    forger.keys = [dict(key("two").as_dict(private=False))]
    forger.make_token = lambda good: forger.signed(good, by="two")
    assert sign_in(forger, set_up).subject == "alice"
    assert oidc.subject_of(set_up, forger.signed(forger.standard(), by="two"))
    with pytest.raises(SignInRefused):
        oidc.subject_of(set_up, bearer(forger))  # by the one that it has no more


def test_bearers_by_keys_that_are_none_ask_the_provider_once_in_a_while(forger, set_up):
    oidc.subject_of(set_up, bearer(forger))
    asked = len(forger.asked)
    for _ in range(20):
        with pytest.raises(SignInRefused):
            oidc.subject_of(set_up, forger.signed(forger.standard(), by="two"))
    assert len(forger.asked) == asked


def test_bearers_for_others_ask_the_provider_nothing(forger, set_up):
    for claims in ({"aud": "another"}, {"iss": "https://other.example"}):
        with pytest.raises(SignInRefused, match="somebody else's"):
            oidc.subject_of(set_up, bearer(forger, **claims))
    assert forger.asked == []


def test_what_the_provider_says_of_itself_is_read_once(forger, set_up):
    for _ in range(3):
        sign_in(forger, set_up)
        oidc.subject_of(set_up, bearer(forger))
    assert forger.asked.count("/.well-known/openid-configuration") == forger.asked.count("/jwks") == 1


def test_signing_out_names_the_token_unless_it_is_too_long_for_a_url(forger, set_up):
    assert oidc.sign_out_url(set_up, "token", "https://registry.example.com/") == ""
    forger.metadata["end_session_endpoint"] = f"{forger.url}/end?a=b"
    metadata.forget()
    for token, hints in (("token", ["token"]), ("x" * 10_000, [])):
        url = oidc.sign_out_url(set_up, token, "https://registry.example.com/")
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


def test_trying_it_out_neither_waits_for_that_nor_causes_it(forger, set_up):
    forger.routes["/jwks"] = lambda: (500, {}, b"")
    with pytest.raises(ProviderUnavailable, match="500"):
        oidc.test(set_up)
    with pytest.raises(ProviderUnavailable, match="500"):
        oidc.begin(set_up, BACK)
    del forger.routes["/jwks"]
    oidc.test(set_up)


def test_while_it_is_away_its_keys_are_remembered(forger, set_up, monkeypatch):
    token = bearer(forger)
    oidc.subject_of(set_up, token)
    monkeypatch.setattr(metadata, "_FRESH", -1.0)
    monkeypatch.setitem(metadata.known.__kwdefaults__, "fresh", -1.0)
    forger.routes["/.well-known/openid-configuration"] = lambda: (503, {}, b"")
    assert oidc.subject_of(set_up, token) == (forger.url, "alice")
    monkeypatch.setattr(metadata, "_STALE", -1.0)
    with pytest.raises(ProviderUnavailable):
        oidc.subject_of(set_up, token)


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
def test_an_answer_that_is_none_is_an_outage(forger, set_up, path, answer):
    forger.claims = {}  # so that userinfo is asked
    forger.routes[path] = lambda: answer
    began = time.monotonic()
    with pytest.raises(ProviderUnavailable):
        sign_in(forger, set_up)
    assert time.monotonic() - began < 2 * set_up.timeout + 2
    assert "/elsewhere" not in forger.asked


def test_a_bomb_is_not_unpacked(forger, set_up):
    bomb = gzip.compress(b" " * 200_000_000)
    forger.routes["/jwks"] = lambda: (200, {"Content-Encoding": "gzip"}, bomb)
    with pytest.raises(ProviderUnavailable, match="longer than"):
        oidc.test(set_up)


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


def test_one_that_hangs_holds_up_one_process_and_tells_the_others(forger, set_up):
    def hang() -> tuple[int, dict[str, str], bytes]:
        time.sleep(10)
        return 200, {}, b""

    forger.routes["/jwks"] = hang
    failures: list[str] = []

    def try_it() -> None:
        with pytest.raises(ProviderUnavailable) as failure:
            oidc.begin(set_up, BACK)
        failures.append(str(failure.value))

    threads = [threading.Thread(target=try_it) for _ in range(3)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 5
    assert sum("busy" in failure for failure in failures) == 2


def test_a_turn_that_another_has_is_waited_for_briefly(set_up):
    with turnstile.turn(TURN), pytest.raises(ProviderUnavailable, match="busy"):
        oidc.begin(set_up, BACK)


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


def test_netrc_is_not_for_the_provider(forger, set_up, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    assert sign_in(forger, set_up).subject == "alice"
