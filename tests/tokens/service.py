"""Talks to the token service as clients do."""

import base64
from urllib.parse import urlencode

from django.test import Client

from audit import spool
from audit.models import AuditRecord
from tests.people import PASSWORD
from tokens.verify import verify

SERVICE = "harbor-registry"


def basic(username, password=PASSWORD):
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def get(*scopes, user=None, password=PASSWORD, **fields):
    """GET /service/token with scopes, as `user` (None: anonymous)."""
    headers = {"authorization": basic(user, password)} if user is not None else {}
    query = urlencode({"service": SERVICE, "scope": scopes, **fields}, doseq=True)
    return Client().get(f"/service/token?{query}", headers=headers)


def post(**fields):
    """POST /service/token with form fields."""
    fields = {"service": SERVICE, "client_id": "pytest", **fields}
    return Client().post("/service/token", urlencode(fields, doseq=True), "application/x-www-form-urlencoded")


def access_in(response):
    """What the answer's token grants: {"type:name": {actions}}."""
    assert response.status_code == 200, response.content
    claims = verify(response.json()["access_token"])
    return {f"{kind}:{name}": set(actions) for (kind, name), actions in claims.access.items()}


def trail():
    """What the audit trail holds, oldest first: (actor, operation, resource type, resource, result)."""
    spool.drain()
    fields = ("actor", "operation", "resource_type", "resource", "result")
    return list(AuditRecord.objects.order_by("at", "id").values_list(*fields))
