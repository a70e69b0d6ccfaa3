"""Whatever is sent to the pages: an answer in words, and never a failure of ours."""

import re
from urllib.parse import quote, urlencode

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configuration import values
from portal import urls
from rbac import csrf, policy, sessions, strain
from tests.api import stage
from tests.forger import running_forger
from tests.people import forget_everything
from tests.portal.browser import Browser
from tests.provider import items_for

pytestmark = pytest.mark.django_db

PATHS = [
    "/", "/account/sign-in", "/account/sign-out-everywhere", "/c/login", "/c/log_out", "/account/preferences",
    "/account/resume", "/search", "/projects", "/projects/library", "/new-project", "/administration/trail",
]  # fmt: skip
OIDC = ["/c/oidc/login", "/c/oidc/callback", "/c/oidc/onboard"]
NAMES = [
    "principal", "password", "csrf_token", "username", "redirect_url", "state", "code", "iss", "error", "then", "kept",
    "q", "sort", "after", "before", "show", "language", "theme", "name", "as", "since",
]  # fmt: skip
# What fits a header's line: WSGI hands it over as latin-1.
TEXT = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters=";,"), max_size=60)
COOKIES = st.dictionaries(st.sampled_from(["sid", "oidc_attempt", "oidc_newcomer", "x"]), TEXT)
FIELDS = st.dictionaries(
    st.sampled_from(NAMES), st.text(max_size=60) | st.sampled_from(["//evil.example", "\x00", "a" * 3000])
)
HEADERS = st.dictionaries(
    st.sampled_from(["Accept", "Origin", "Sec-Fetch-Site", "X-Harbor-CSRF-Token", "Authorization", "Referer"]),
    TEXT | st.sampled_from(["text/html", "null", "same-origin", "Bearer a.b.c", "Basic eDp5"]),
)


@pytest.fixture
def forger(configure):
    with running_forger() as found:
        configure(**items_for(found.url), oidc_auto_onboard=True)
        yield found


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"]),
    path=st.sampled_from([*PATHS, *OIDC]), query=FIELDS, form=FIELDS, cookies=COOKIES, headers=HEADERS,
)  # fmt: skip
def test_anything_is_answered(forger, method, path, query, form, cookies, headers):
    if "Authorization" in headers and path == "/c/login":
        del headers["Authorization"]
    client = Client(raise_request_exception=True)
    for name, value in cookies.items():
        client.cookies[name] = value
    answer = client.generic(
        method,
        path,
        urlencode(form, errors="surrogatepass").encode(),
        "application/x-www-form-urlencoded",
        QUERY_STRING=urlencode(query, errors="surrogatepass"),
        headers=headers,
    )
    assert answer.status_code < 500
    if 300 <= answer.status_code < 400:
        assert answer["Location"].startswith(("/", forger.url))
        assert not answer["Location"].startswith("//")
    assert not answer.cookies.get("sid") or not answer.cookies["sid"].value


TOKENS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    claims=st.dictionaries(
        st.sampled_from(
            ["sub", "name", "email", "groups", "aud", "azp", "exp", "iat", "nonce", "at_hash", "amr", "acr"]
        ),
        TOKENS,
    ),
    answer=st.dictionaries(st.sampled_from(["access_token", "token_type", "expires_in", "id_token", "error"]), TOKENS),
)
def test_whatever_the_provider_says_is_answered(forger, claims, answer):
    strain.forget()  # what was refused before holds nothing back
    forger.make_token = lambda good: forger.signed({**good, **claims})
    forger.token_answer = answer
    client = Client(headers={"accept": "text/html"})
    began = client.get("/c/oidc/login")
    if began.status_code == 503:  # it rests, after what it said before
        forget_everything()
        began = client.get("/c/oidc/login")
    back = forger.consent(began["Location"])
    finished = client.get("/c/oidc/callback", back)
    assert finished.status_code in {302, 401, 403, 503}


ROUTES = [route for route in urls.urlpatterns if "oidc" not in str(route.pattern)]
KNOWN = st.sampled_from(["team", "app", stage.DIGEST, "v1", "ldap", "build_history", "1", "x"])
LETTERS = st.characters(max_codepoint=0x2FF, exclude_characters="?#")
PART = KNOWN | st.text(LETTERS, min_size=1, max_size=12)
NUMBER = st.sampled_from([stage.ID, stage.ID + 1]) | st.integers(0, 2**70)
ODD = ["true", "on", "team", "v1", "-1", "\x00", "\ud800", "9" * 30, "a" * 5000]
VALUES = st.text(max_size=20) | st.sampled_from(ODD)
FIELDS_OF_FORMS = [
    "name", "confirm", "kind", "role", "username", "password", "limit", "public", "deed", "preset", "grants", "system",
    "duration", "label", "on", "repository", "project", "repository_decoration", "repository_pattern", "tag_pattern",
    "tag_decoration", "description", "color", "disabled", "overlap", "read_only", "ldap_timeout", "auth_mode", "try",
]  # fmt: skip


@pytest.fixture
def root(upstream) -> Browser:
    stage.build()
    made = Browser()
    made.sign_in("admin")
    return made


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    route=st.sampled_from(ROUTES), part=PART, number=NUMBER, is_post=st.booleans(),
    query=st.dictionaries(st.sampled_from(NAMES), VALUES),
    form=st.dictionaries(st.sampled_from(FIELDS_OF_FORMS), VALUES),
)  # fmt: skip
def test_an_administrator_gets_an_answer_to_anything(root, route, part, number, is_post, query, form):
    path = re.sub(r"<int:[^>]+>", str(number), str(route.pattern))
    path = "/" + quote(re.sub(r"<(str|path):[^>]+>", lambda _: part, path), safe="/:")
    if path.startswith(("/c/", "/account/sign-out")):
        return
    asked = urlencode(query, errors="replace")
    with transaction.atomic():  # each begins with the same rows
        session = sessions.read(root.sid)
        assert session
        fields = {name: value.encode(errors="replace").decode() for name, value in form.items()}
        fields["csrf_token"] = csrf.token(session.secret)
        answer = root.post(f"{path}?{asked}", fields) if is_post else root.get(f"{path}?{asked}")
        transaction.set_rollback(True)
    policy.forget()
    values.forget()
    assert answer.status_code < 500 or answer.status_code == 503
