"""A real Chromium without a window, spoken to by the DevTools protocol over a web socket."""

import asyncio
import json
import shutil
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

SECONDS = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

KEYS = {
    "Tab": {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Space": {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32, "text": " "},
}


def chromium() -> str | None:
    """The browser's path, or None when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page. Commands are awaited; every network request that the page makes is kept in `requests`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._loads = 0
        self._loads_before = 0
        self.requests: list[str] = []

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """One DevTools command and its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        while True:
            message = await self._next()
            if message.get("id") == self._number:
                assert "error" not in message, (method, message)
                return dict(message["result"])

    async def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self._socket.receive_str(), SECONDS))
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        self._loads += message.get("method") == "Page.loadEventFired"
        return message

    async def loaded(self) -> None:
        """Until the page that the last open, click or press has asked for is there."""
        while self._loads == self._loads_before:
            await self._next()

    async def open(self, url: str) -> None:
        """Go there and wait."""
        self._loads_before = self._loads
        await self.command("Page.navigate", url=url)
        await self.loaded()

    async def value(self, expression: str) -> Any:
        """What an expression is in the page."""
        found = await self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def press(self, key: str) -> None:
        """One key, down and up."""
        self._loads_before = self._loads
        await self.command("Input.dispatchKeyEvent", type="keyDown", **KEYS[key])
        await self.command(
            "Input.dispatchKeyEvent", type="keyUp", **{k: v for k, v in KEYS[key].items() if k != "text"}
        )

    async def click(self, selector: str) -> None:
        """The mouse on the middle of the first element."""
        box = await self.value(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2] })()"
        )
        self._loads_before = self._loads
        for kind in ("mousePressed", "mouseReleased"):
            await self.command("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    async def tree(self) -> list[tuple[str, str]]:
        """Role and name of everything that a screen reader finds."""
        nodes = (await self.command("Accessibility.getFullAXTree"))["nodes"]
        seen = [n for n in nodes if not n["ignored"]]
        return [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in seen]


@asynccontextmanager
async def running_browser(folder: Path, language: str = "en") -> AsyncIterator[Browser]:
    """A page of a fresh browser, in which scripts of pages do not run."""
    profile = folder / "chromium"
    command = [str(chromium()), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    ports = ["--remote-debugging-port=0", f"--user-data-dir={profile}", f"--accept-lang={language}", "about:blank"]
    with (folder / "chromium.log").open("ab") as log:
        process = subprocess.Popen([*command, *quiet, *ports], stdout=log, stderr=log)
    try:
        port = await _port(process, profile / "DevToolsActivePort")
        async with aiohttp.ClientSession() as session, session.ws_connect(_page_socket(port), max_msg_size=0) as socket:
            browser = Browser(socket)
            for domain in ("Page", "Network", "Runtime", "Accessibility"):
                await browser.command(f"{domain}.enable")
            await browser.command("Emulation.setScriptExecutionDisabled", value=True)
            yield browser
    finally:
        process.terminate()
        process.wait(SECONDS)


async def _port(process: "subprocess.Popen[bytes]", file: Path) -> int:
    for _ in range(int(SECONDS / 0.05)):
        if file.exists() and (lines := file.read_text().splitlines()):
            return int(lines[0])
        assert process.poll() is None, "chromium ended"
        await asyncio.sleep(0.05)
    raise AssertionError("chromium does not say its port")


def _page_socket(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=SECONDS) as response:
        return str(next(t["webSocketDebuggerUrl"] for t in json.load(response) if t["type"] == "page"))
