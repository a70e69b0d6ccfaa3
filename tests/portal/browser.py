"""Django's client as a browser: it asks for pages, keeps cookies, says whose page sends it, and fills in forms."""

import re
from html import unescape
from typing import Any

from django.test import Client

from tests.people import PASSWORD

HOST = "registry.example.com"
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser(Client):
    """Signs in by the page's own form. `secure` throughout: cookies are what they are under https."""

    def __init__(self, **more: Any) -> None:
        super().__init__(raise_request_exception=False, headers={"accept": "text/html", "host": HOST}, **more)

    def generic(self, method: Any, path: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs["secure"] = True
        if method == "POST":
            kwargs["headers"] = {"origin": f"https://{HOST}", **(kwargs.get("headers") or {})}
        return super().generic(method, path, *args, **kwargs)

    def sign_in(self, username: str, password: str = PASSWORD, **headers: str) -> Any:
        return self.post("/c/login", {"principal": username, "password": password}, headers=headers)

    @property
    def sid(self) -> str:
        found = self.cookies.get("sid")
        return found.value if found else ""

    @property
    def csrf_token(self) -> str:
        found = TOKEN.search(self.text("/"))
        assert found
        return unescape(found.group(1))

    def text(self, path: str) -> str:
        return self.get(path).content.decode()

    @property
    def is_signed_in(self) -> bool:
        return "You are signed in" in self.text("/")
