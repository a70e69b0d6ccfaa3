"""OpenID Connect: the only package that speaks to the provider. It knows nothing of our own rows."""

from rbac.oidc.flow import Attempt, Person, begin, finish, sign_out_url, subject_of, test
from rbac.oidc.metadata import forget
from rbac.oidc.provider import Provider, configured

__all__ = [
    "Attempt",
    "Person",
    "Provider",
    "begin",
    "configured",
    "finish",
    "forget",
    "sign_out_url",
    "subject_of",
    "test",
]
