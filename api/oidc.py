"""`/system/oidc`: the OpenID provider, tried out."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from api import bodies
from api.document import operation
from api.endpoint import Endpoint
from api.errors import BadRequest
from configuration import values
from configuration.items import find
from rbac import oidc
from rbac.errors import ProviderUnavailable
from rbac.oidc import Provider
from rbac.policy import SYSTEM_SCOPE


class Ping(Endpoint):
    @operation("pingOIDC", group="oidc", body=bodies.OidcEndpoint, refuses=[403])
    def post(self, request: Request) -> Response:
        """pingOIDC: whether the provider at `url` answers and can be used; 400 says what is wrong with it. No secret
        of ours goes there."""
        self.require("configuration:update", SYSTEM_SCOPE)
        body = bodies.read(bodies.OidcEndpoint, request)
        endpoint = str(find("oidc_endpoint").checked(body["url"])).rstrip("/")
        described = Provider(
            endpoint=endpoint,
            verify_cert=body["verify_cert"],
            ca_file=values.text("oidc_ca_file"),
            timeout=values.number("oidc_timeout"),
        )
        try:
            oidc.test(described)
        except ProviderUnavailable as error:
            raise BadRequest(str(error)) from error
        return Response()
