"""`/system/oidc`: the OpenID provider, tried out."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies
from api.document import operation
from api.endpoint import Endpoint
from api.errors import BadRequest
from rbac import trial
from rbac.policy import SYSTEM_SCOPE


class Ping(Endpoint):
    @operation("pingOIDC", group="oidc", body=bodies.OidcEndpoint, refuses=[403])
    def post(self, request: Request) -> Response:
        """pingOIDC: whether the provider at `url` answers and can be used; 400 says what is wrong with it. No secret
        of ours goes there."""
        self.require("configuration:update", SYSTEM_SCOPE)
        body = bodies.read(bodies.OidcEndpoint, request)
        described = trial.described_provider({"oidc_endpoint": body["url"], "oidc_verify_cert": body["verify_cert"]})
        if failure := trial.failure_of_provider(described):
            raise BadRequest(failure)
        return Response()
