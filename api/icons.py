"""`/icons/{digest}`: what an artifact looks like in a list. None is kept, so no artifact names one."""

from __future__ import annotations

from typing import TypedDict

from rest_framework.request import Request
from rest_framework.response import Response

from api.document import operation
from api.endpoint import Endpoint
from api.errors import NotFound

IconShape = TypedDict("IconShape", {"content-type": str, "content": str})


class OneIcon(Endpoint):
    @operation("getIcon", answers=IconShape, refuses=[404])
    def get(self, request: Request, digest: str) -> Response:
        """getIcon: of artifacts whose `icon` isn't empty, of which there are none."""
        raise NotFound(f"there is no icon {digest[:140]}")
