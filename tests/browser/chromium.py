"""A telephone: headless Chromium at phone width, without JavaScript, driven over the DevTools protocol."""

import asyncio
import base64
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

WIDTH, HEIGHT = 390, 844  # CSS pixels of a common telephone
_ANSWER_SECONDS = 30.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-port=0",
)


class Phone:
    """One page. `evaluate` looks into it from outside: the page itself runs no script."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers, self._session = socket, itertools.count(1), ""
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self.console: list[str] = []
        """What the browser complained of: a broken policy, a missing file."""

    async def listen(self) -> None:
        async for message in self._socket:
            said = message.json()
            if (waiting := self._answers.pop(said.get("id", 0), None)) is not None:
                waiting.set_result(said)
            elif said.get("method") == "Page.loadEventFired":
                self._loaded.set()
            elif said.get("method") == "Log.entryAdded":
                self.console.append(said["params"]["entry"]["text"])

    async def call(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol; its result."""
        number = next(self._numbers)
        waiting = self._answers[number] = asyncio.get_running_loop().create_future()
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": parameters, **session})
        said = await asyncio.wait_for(waiting, _ANSWER_SECONDS)
        assert "error" not in said, f"{method}: {said['error']}"
        return said["result"]

    async def open_page(self, language: str, scheme: str) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=2, mobile=True
        )
        await self.call("Emulation.setScriptExecutionDisabled", value=True)
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        await self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})

    async def go(self, url: str) -> None:
        """Open an address; returns when the page has loaded."""
        self._loaded.clear()
        result = await self.call("Page.navigate", url=url)
        assert "errorText" not in result, result
        await asyncio.wait_for(self._loaded.wait(), _ANSWER_SECONDS)

    async def tap(self, selector: str) -> None:
        """Tap the middle of an element, as a finger does; returns when the page that follows has loaded."""
        self._loaded.clear()
        where = await self.evaluate(
            f"(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: 'center'}}); "
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        point = [{"x": where[0], "y": where[1]}]
        await self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=point)
        await self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        await asyncio.wait_for(self._loaded.wait(), _ANSWER_SECONDS)

    async def write(self, selector: str, text: str) -> None:
        """Type into a field."""
        await self.evaluate(f"document.querySelector({selector!r}).focus()")
        await self.call("Input.insertText", text=text)

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def text(self) -> str:
        """What stands on the page."""
        shown: str = await self.evaluate("document.body.innerText")
        return shown

    async def photograph(self, path: Path) -> None:
        """The whole page as PNG."""
        taken = await self.call("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(taken["data"]))


@asynccontextmanager
async def phone(language: str = "en", scheme: str = "light") -> AsyncIterator[Phone]:
    """A telephone in this language; closed at the end."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory(prefix="phone-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program,
            *_FLAGS,
            f"--user-data-dir={folder}",
            f"--lang={language}",
            "about:blank",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession() as session:
                address = await _address(Path(folder) / "DevToolsActivePort", process)
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    held = Phone(socket)
                    listening = asyncio.create_task(held.listen())
                    try:
                        await held.open_page(language, scheme)
                        yield held
                    finally:
                        with contextlib.suppress(AssertionError, TimeoutError, ConnectionError):
                            held._session = ""
                            await held.call("Browser.close")
                        listening.cancel()
        finally:
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _address(file: Path, process: asyncio.subprocess.Process) -> str:
    """Where the browser listens: it writes a file once it does."""
    for _ in range(600):
        assert process.returncode is None, f"Chromium ended with {process.returncode}"
        with contextlib.suppress(OSError):
            lines = file.read_text().splitlines()
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        await asyncio.sleep(0.05)
    raise TimeoutError("Chromium did not start within 30 s")
