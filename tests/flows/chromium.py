"""A real browser without a window: Chromium, told what to do over a pipe (the DevTools protocol)."""

import base64
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = "chromium"
PATIENCE = 180  # seconds; a script that waits for a page takes less
_KEYS = {"Enter": 13, "Tab": 9, "Escape": 27}


class Chromium:
    """One tab. `evaluate` runs a script in its page, and answers what that comes to."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._buffer = b""
        self._number = 0
        self._session = ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")

    def go(self, url: str) -> None:
        self._ask("Page.navigate", url=url)
        self.settle()

    def before_each_page(self, script: str) -> None:
        """Have each page begin with `script`."""
        self._ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    def evaluate(self, script: str) -> Any:
        answer = self._ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def leave_by(self, script: str) -> None:
        """Run a script that leads to another page, and wait for that."""
        self.evaluate("window.stays = true")
        self.evaluate(f"setTimeout(() => {{ {script} }}, 0); null")
        self.until("window.stays !== true")
        self.settle()

    def emulate(self, width: int, height: int, *, dark: bool = False, scripts: bool = True) -> None:
        """Be so large, prefer such colours, and run scripts or not: from the next page on."""
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}  # no colour is looked at on its way to another
        self._ask("Emulation.setEmulatedMedia", features=[scheme, still])
        self._ask("Emulation.setScriptExecutionDisabled", value=not scripts)

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """The page as a PNG: the whole of it, however long it is, or what the window shows."""
        size = self._ask("Page.getLayoutMetrics")["cssContentSize" if whole else "cssLayoutViewport"]
        size = size if whole else {"width": size["clientWidth"], "height": size["clientHeight"]}
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
        shot = self._ask("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def press(self, key: str) -> None:
        """One key, as from the keyboard."""
        for kind in ("keyDown", "keyUp"):
            more = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self._ask(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=_KEYS.get(key, 0), **more
            )

    def settle(self) -> None:
        self.until("document.readyState === 'complete'")

    @property
    def url(self) -> str:
        return str(self.evaluate("location.href"))

    @property
    def text(self) -> str:
        return str(self.evaluate("document.body.innerText"))

    @property
    def cookies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("Storage.getCookies")["cookies"]
        return found

    def forget(self) -> None:
        self._ask("Storage.clearCookies")

    def until(self, condition: str) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                if self.evaluate(condition):
                    return
            except (AssertionError, KeyError):  # between two pages there is none
                pass
            time.sleep(0.05)
        raise AssertionError(f"never: {condition} at {self.url}: {self.text[:500]}")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            said = self._read()
            if said.get("id") == self._number:
                assert "error" not in said, said
                return dict(said["result"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._back], [], [], PATIENCE)[0], "Chromium doesn't answer"
            piece = os.read(self._back, 65536)
            assert piece, "Chromium is gone"
            self._buffer += piece
        text, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(text))


@contextmanager
def running_chromium(home: Path) -> Iterator[Chromium]:
    """A browser with a profile of its own, that speaks to this machine alone."""
    command_out, command_in = os.pipe()
    answer_out, answer_in = os.pipe()

    def place() -> None:
        """Chromium reads commands from descriptor 3 and answers on 4."""
        # By way of high numbers: what is to become 3 may be 4 now.
        high = os.dup2(command_out, 103), os.dup2(answer_in, 104)
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    log = (home.with_suffix(".log")).open("wb")
    process = subprocess.Popen(
        [
            PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
            "--remote-debugging-pipe", f"--user-data-dir={home}", "about:blank",
        ],
        stdout=log, stderr=log, close_fds=False, preexec_fn=place, start_new_session=True,  # noqa: PLW1509
    )  # fmt: skip
    os.close(command_out)
    os.close(answer_in)
    try:
        yield Chromium(command_in, answer_out)
    finally:
        process.terminate()
        process.wait(30)
        os.close(command_in)
        os.close(answer_out)
        log.close()
