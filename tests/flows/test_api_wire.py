"""The REST API by the byte, through nginx and the web server: HEAD, names of requests, what a client accepts."""

import pytest

from tests.flows import raw
from tests.flows.stacks import Running

PATHS = [b"ping", b"systeminfo", b"projects/library", b"users", b"projects/nowhere", b"scanners", b"icons/sha256:none"]


def ask(stack: Running, method: bytes, path: bytes, **headers: bytes) -> raw.RawAnswer:
    sent = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    basic = {name.encode(): value.encode() for name, value in stack.wire().basic().items()}
    answer = raw.request(stack.url, method, b"/api/v2.0/" + path, basic | sent)
    assert answer is not None
    return answer


@pytest.mark.parametrize("path", PATHS)
def test_a_head_is_the_get_without_its_body(stack: Running, path: bytes):
    get, head = ask(stack, b"GET", path), ask(stack, b"HEAD", path)
    assert get.body
    assert (head.status, head.body) == (get.status, b"")


def test_a_request_keeps_the_name_that_its_client_gave_it(stack: Running):
    for path in PATHS:
        assert (
            "x-request-id: trace-7.b\r\n" in ask(stack, b"GET", path, X_Request_Id=b"trace-7.b").head.lower() + "\r\n"
        )


@pytest.mark.parametrize("accepted", [b"application/xml", b"text/html;q=0.1", b"\xff", b"x/y," * 500])
def test_whatever_is_accepted_the_answer_is_json(stack: Running, accepted: bytes):
    answer = ask(stack, b"GET", b"users", Accept=accepted)
    assert answer.status == 200
    assert "content-type: application/json" in answer.head.lower()
