"""A sign-in by a provider that does as a test says, without a browser."""

import pytest

from rbac import oidc
from rbac.oidc import Person, Provider
from tests.forger import Forger, running_forger
from tests.provider import CLIENT_ID, CLIENT_SECRET

BACK = "https://registry.example.com/c/oidc/callback"


@pytest.fixture
def forger():
    with running_forger() as found:
        yield found


@pytest.fixture
def set_up(forger) -> Provider:
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
