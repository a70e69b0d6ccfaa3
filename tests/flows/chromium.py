"""A real browser without a window: Debian's Chromium, driven by Playwright."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Error, Page, sync_playwright

PROGRAM = "/usr/bin/chromium"
PATIENCE = 180  # seconds; a script that waits for a page takes less
TALLEST = 4000  # pixels of a screenshot


class Chromium:
    """One tab. `evaluate` runs a script in its page, and answers what that comes to."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._tools: CDPSession = page.context.new_cdp_session(page)
        page.set_default_timeout(1000 * PATIENCE)

    def go(self, url: str) -> None:
        self._page.goto(url)

    def before_each_page(self, script: str) -> None:
        """Have each page begin with `script`."""
        self._page.add_init_script(script)

    def evaluate(self, script: str) -> Any:
        return self._page.evaluate(script)

    def leave_by(self, script: str) -> None:
        """Run a script that leads to another page, and wait for that."""
        with self._page.expect_navigation():
            self.evaluate(f"setTimeout(() => {{ {script} }}, 0); null")

    def emulate(self, width: int, height: int, *, dark: bool = False, scripts: bool = True) -> None:
        """Be so large, prefer such colours, and run scripts or not: from the next page on."""
        self._page.set_viewport_size({"width": width, "height": height})
        # Without motion: no colour is looked at on its way to another.
        self._page.emulate_media(color_scheme="dark" if dark else "light", reduced_motion="reduce")
        self._tools.send("Emulation.setScriptExecutionDisabled", {"value": not scripts})

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """The page as a PNG: the whole of it, however long it is, or what the window shows."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not whole:
            self._page.screenshot(path=path)
            return
        width, height = self.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        self._page.screenshot(
            path=path, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": min(height, TALLEST)}
        )

    def press(self, key: str) -> None:
        """One key, as from the keyboard."""
        self._page.keyboard.press(key)

    @property
    def url(self) -> str:
        return self._page.url

    @property
    def text(self) -> str:
        return self._page.inner_text("body")

    @property
    def cookies(self) -> list[Any]:
        return list(self._page.context.cookies())

    def forget(self) -> None:
        self._page.context.clear_cookies()

    def until(self, condition: str) -> None:
        """Playwright's own waiting needs `unsafe-eval`, which no page of ours allows."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                if self.evaluate(condition):
                    return
            except Error:  # between two pages there is none
                pass
            self._page.wait_for_timeout(50)
        raise AssertionError(f"never: {condition} at {self.url}: {self.text[:500]}")


@contextmanager
def running_chromium(home: Path) -> Iterator[Chromium]:
    """A browser with a profile of its own, that speaks to this machine alone."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            home,
            executable_path=PROGRAM,
            chromium_sandbox=False,
            args=["--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
        )
        try:
            yield Chromium(context.pages[0])
        finally:
            context.close()
