"""A headless Chromium that opens pages for tests, driven over a pipe by the DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe", "--window-size=1280,1000",
          "--hide-scrollbars")
# The protocol wants its pipes at 3 and 4, where others of ours may lie.
_LAUNCH = ("import fcntl, os, sys\n"
           "ends = [fcntl.fcntl(int(e), fcntl.F_DUPFD, 10) for e in sys.argv[1:3]]\n"
           "os.dup2(ends[0], 3), os.dup2(ends[1], 4)\n"
           "os.execv(sys.argv[3], sys.argv[3:])\n")


def found() -> str | None:
    """The browser's command, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser with one page; `events` are all that it said, answers apart. End it with `close`."""

    def __init__(self) -> None:
        program = found()
        assert program is not None, "asked before"
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self.write = os.pipe()
        self.read, from_browser = os.pipe()
        command = [sys.executable, "-c", _LAUNCH, str(to_browser), str(from_browser), program, *_FLAGS,
                   f"--user-data-dir={self.profile.name}"]
        self.process = subprocess.Popen(command, pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.events: list[dict[str, Any]] = []
        self.rest, self.number, self.session = b"", 0, ""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, seconds: float = 60, **parameters: Any) -> Any:
        """Send a command and give its answer."""
        self.number += 1
        said: dict[str, Any] = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            said["sessionId"] = self.session
        os.write(self.write, json.dumps(said).encode() + b"\0")
        end = time.monotonic() + seconds
        while True:
            message = self._message(end)
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def open(self, page: Path, dark: bool = False) -> None:
        """Open a page and wait until it is loaded."""
        self.ask("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.events.clear()
        self.ask("Page.navigate", url=page.resolve().as_uri())
        end = time.monotonic() + 60
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._message(end))

    def evaluate(self, script: str) -> Any:
        """Give the value of an expression in the page."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def picture(self) -> bytes:
        """Give the whole page as a PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "width": 1280, "scale": 1,
            "height": self.evaluate("document.documentElement.scrollHeight")})["data"])

    @property
    def requests(self) -> list[str]:
        """What was asked for since the page was opened, images in the page itself apart."""
        urls = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [u for u in urls if not u.startswith("data:")]

    @property
    def complaints(self) -> list[str]:
        """What was written to the console or went wrong since the page was opened."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(e["params"]) for e in self.events if e.get("method") in kinds]

    def close(self) -> None:
        """End the browser."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        os.close(self.read)
        os.close(self.write)
        self.profile.cleanup()

    def _message(self, end: float) -> dict[str, Any]:
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.read], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser did not answer in time"
            part = os.read(self.read, 1 << 16)
            assert part, "the browser ended"
            self.rest += part
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)
