"""What of a provider's word about somebody is believed: before a provider that forges."""

import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from rbac import oidc
from rbac.errors import ProviderUnavailable, SignInRefused
from rbac.oidc import metadata
from tests.forger import Forger, by_its_own_key, by_public_key, half_hash, unsigned
from tests.provider import CLIENT_ID
from tests.rbac.signing_in import BACK, bearer, forger, set_up, sign_in

__all__ = ["forger", "set_up"]


# --- how a sign-in goes


def test_the_browser_is_sent_away_with_state_nonce_and_a_challenge(forger, set_up):
    first, second = (oidc.begin(replace(set_up, scope="openid email"), BACK) for _ in range(2))
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


def test_extra_parameters_come_along_but_replace_none_of_ours(forger, set_up):
    extra = '{"prompt": "login & more", "state": "s", "redirect_uri": "https://evil.example", "code_challenge": "x"}'
    attempt = oidc.begin(replace(set_up, extra=extra), BACK)
    asked = parse_qs(urlsplit(attempt.url).query)
    assert asked["prompt"] == ["login & more"]
    assert (asked["state"], asked["redirect_uri"]) == ([attempt.state], [BACK])


def test_an_authorization_endpoint_may_have_a_query_of_its_own(forger, set_up):
    forger.metadata["authorization_endpoint"] += "?tenant=a"
    assert parse_qs(urlsplit(oidc.begin(set_up, BACK).url).query)["tenant"] == ["a"]


def test_the_code_becomes_whom_the_provider_vouches_for(forger, set_up):
    forger.claims["groups"] = ["builders", "admins"]
    person = sign_in(forger, set_up)
    assert (person.issuer, person.subject) == (forger.url, "alice")
    assert (person.name, person.email, person.realname) == ("Alice Example", "alice@example.com", "Alice Example")
    assert person.groups == ("admins", "builders")
    assert person.id_token not in repr(person)


def test_the_client_says_who_it_is_as_the_provider_wants(forger, set_up):
    sign_in(forger, set_up)
    assert forger.authorization.startswith("Basic ")  # its secret holds +, % and a space, and the forger compares it
    forger.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    metadata.forget()
    sign_in(forger, set_up)
    assert forger.authorization == ""  # it came in the form
    with pytest.raises(ProviderUnavailable, match="refuses us as its client: invalid_client"):
        sign_in(forger, replace(set_up, client_secret="another"))


def test_a_user_claim_names_the_person(forger, set_up):
    forger.claims["preferred_username"] = "alice.e"
    assert sign_in(forger, replace(set_up, user_claim="preferred_username")).name == "alice.e"
    assert sign_in(forger, replace(set_up, user_claim="nickname")).name == ""
    del forger.claims["name"]
    assert sign_in(forger, set_up).name == "alice.e"


def test_what_the_id_token_lacks_comes_from_userinfo(forger, set_up):
    forger.claims = {"name": "From the token"}
    forger.userinfo = {"name": "From userinfo", "email": "u@example.com", "groups": ["builders"], "iss": "evil"}
    person = sign_in(forger, set_up)
    assert (person.name, person.email, person.groups) == ("From the token", "u@example.com", ("builders",))
    assert person.issuer == forger.url
    asked = forger.asked.count("/userinfo")
    forger.claims = {"name": "a", "email": "b", "groups": []}
    sign_in(forger, set_up)
    assert forger.asked.count("/userinfo") == asked


def test_userinfo_about_somebody_else_is_refused(forger, set_up):
    forger.claims, forger.userinfo = {}, {"sub": "mallory", "groups": ["admins"]}
    with pytest.raises(SignInRefused, match="another"):
        sign_in(forger, set_up)


@pytest.mark.parametrize("groups", ["builders", ["builders", 7, None, {"a": 1}, "x" * 300, "a\x00b", "\ud800", ""]])
def test_of_a_groups_claim_what_can_be_a_group_counts(forger, set_up, groups):
    forger.claims["groups"] = groups
    assert sign_in(forger, set_up).groups == ("builders",)


@pytest.mark.parametrize("claim", [None, 7, {}, [], [[]], True])
def test_a_claim_of_another_kind_is_none(forger, set_up, claim):
    forger.claims = {"name": claim, "email": claim, "groups": claim, "preferred_username": claim}
    person = sign_in(forger, set_up)
    assert (person.name, person.email, person.groups) == ("", "", ())


def test_a_good_at_hash_is_taken_and_a_wrong_one_is_not(forger, set_up):
    forger.claims["at_hash"] = half_hash("access")
    sign_in(forger, set_up)
    for wrong in (half_hash("another"), "", 7, ["x"], "é"):
        forger.claims["at_hash"] = wrong
        if wrong == "":
            continue  # the same as none
        with pytest.raises(SignInRefused):
            sign_in(forger, set_up)


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
def test_an_id_token_that_is_not_meant_for_us_now_is_refused(forger, set_up, claims):
    forged(forger, **claims)
    with pytest.raises(SignInRefused):
        sign_in(forger, set_up)
    forger.make_token = forger.signed
    assert sign_in(forger, set_up).subject == "alice"


@pytest.mark.parametrize("nonce", ["another", "", None, 7])
def test_an_id_token_of_another_sign_in_is_refused(forger, set_up, nonce):
    forged(forger, nonce=nonce)
    with pytest.raises(SignInRefused, match="nonce"):
        sign_in(forger, set_up)


def test_an_id_token_without_a_nonce_is_refused(forger, set_up):
    forger.make_token = lambda good: forger.signed({name: good[name] for name in good if name != "nonce"})
    with pytest.raises(SignInRefused, match="nonce"):
        sign_in(forger, set_up)


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
def test_a_forged_id_token_is_refused(forger, set_up, forge):
    forger.make_token = forge
    with pytest.raises(SignInRefused):
        sign_in(forger, set_up)


@pytest.mark.parametrize("forge", FORGERIES)
def test_a_forged_bearer_is_refused(forger, set_up, forge):
    assert oidc.subject_of(set_up, bearer(forger)) == (forger.url, "alice")
    with pytest.raises(SignInRefused):
        oidc.subject_of(set_up, forge(forger.standard()))


@pytest.mark.parametrize("claims", WRONG_CLAIMS)
def test_a_bearer_that_is_not_meant_for_us_now_is_refused(forger, set_up, claims):
    with pytest.raises(SignInRefused):
        oidc.subject_of(set_up, bearer(forger, **claims))


def test_a_critical_header_that_is_not_understood_is_refused(forger, set_up):
    with pytest.raises(SignInRefused):
        oidc.subject_of(set_up, by_public_key(forger.standard(), crit=["x"], x=1))


def test_a_header_of_the_providers_own_is_no_matter(forger, set_up):
    token = forger.signed(forger.standard(), x5t="abc", ctx="something")
    assert oidc.subject_of(set_up, token) == (forger.url, "alice")


def test_a_code_is_good_once_and_with_the_verifier_alone(forger, set_up):
    attempt = oidc.begin(set_up, BACK)
    code = forger.consent(attempt.url)["code"]
    given = {"said_issuer": "", "nonce": attempt.nonce, "redirect_uri": BACK}
    with pytest.raises(SignInRefused, match="invalid_grant"):
        oidc.finish(set_up, code, verifier="x" * 64, **given)
    code = forger.consent(attempt.url)["code"]
    assert oidc.finish(set_up, code, verifier=attempt.verifier, **given)
    with pytest.raises(SignInRefused, match="invalid_grant"):
        oidc.finish(set_up, code, verifier=attempt.verifier, **given)


@pytest.mark.parametrize("code", ["", "x", "é", "a b&c=d", "\x00", "x" * 10_000])
def test_a_code_that_is_none_is_refused_and_the_provider_stays_in_use(forger, set_up, code):
    with pytest.raises(SignInRefused):
        sign_in(forger, set_up, code=code)
    assert sign_in(forger, set_up).subject == "alice"


def test_an_answer_that_names_another_provider_is_refused(forger, set_up):
    assert sign_in(forger, set_up, said_issuer=forger.url)
    with pytest.raises(SignInRefused, match="another"):
        sign_in(forger, set_up, said_issuer="https://evil.example")
    forger.metadata["authorization_response_iss_parameter_supported"] = True
    metadata.forget()
    assert sign_in(forger, set_up, said_issuer=forger.url)
    with pytest.raises(SignInRefused, match="another"):
        sign_in(forger, set_up)


@pytest.mark.parametrize("answer", [{"id_token": None}, {"id_token": 7}, {"access_token": ""}, {"access_token": 7}])
def test_an_answer_without_tokens_is_refused(forger, set_up, answer):
    forger.token_answer = answer
    forger.claims = {}  # so that userinfo is asked
    with pytest.raises((SignInRefused, ProviderUnavailable)):
        sign_in(forger, set_up)
