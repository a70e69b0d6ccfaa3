"""Harbor's Python client, harborapi, as one of the users of a stack; every answer it gets is held to the document."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from harborapi import HarborAsyncClient

from tests.flows.stacks import Running
from tests.flows.strict import BASE, Document, Exchange


@asynccontextmanager
async def signed_in(
    stack: Running, document: Document, username: str = "admin", password: str = ""
) -> AsyncIterator[HarborAsyncClient]:
    """The client, unchanged but for a hook that reads along. It tries nothing twice: a failure is to be seen."""
    secret = password or stack.admin_password
    api = HarborAsyncClient(url=f"{stack.url}{BASE}", username=username, secret=secret, retry=None)

    async def read_along(response: httpx.Response) -> None:
        request = response.request
        body = await response.aread()
        document.check(Exchange(request.method, str(request.url), response.status_code, response.headers, body))

    api.client.event_hooks["response"].append(read_along)
    async with api.client:
        yield api


def number_in(location: str) -> int:
    """The id that a Location ends in."""
    return int(location.rpartition("/")[2])


def unused(word: str) -> str:
    """A name that nothing has yet."""
    return f"{word}-{os.urandom(4).hex()}"
