"""A console over a store with an incident in it, asked over real HTTP as a browser would."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from config.answers import AnswerEntry
from config.brands import Brand
from config.routes import Policy
from config.settings import ConsoleSettings
from tests.workers.incidents.scene import START, Scene, arrival
from workers.console.inbound import Inbound
from workers.console.incident_view import IncidentView
from workers.console.server import ConsoleServer
from workers.incidents.links import LinkMaker
from workers.store import Store

SECRET = "a secret of the test"
PUBLIC = "https://hikeshi.example/ops"


class ConsoleClock:
    """Stands where the test puts it."""

    def __init__(self) -> None:
        self.offset = timedelta(minutes=1)

    def now(self) -> Any:
        return START + self.offset

    def monotonic(self) -> float:
        return self.offset.total_seconds()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here sleeps")


@dataclass
class FixedFiles:
    """Files that say what a test says."""

    policy: Policy
    brands: tuple[Brand, ...] = ()
    answers: tuple[AnswerEntry, ...] = ()


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    html: str
    url: str

    @property
    def text(self) -> str:
        """What a person reads."""
        return readable(self.html)


class Browser:
    """Keeps cookies, fills in forms. `forms(html)` are what a person could send."""

    def __init__(self, base: str, session: aiohttp.ClientSession, headers: Mapping[str, str]) -> None:
        self.base, self._session, self._headers = base, session, dict(headers)

    async def get(self, link: str, method: str = "GET") -> Answer:
        return await self._ask(method, link, None)

    async def post(self, link: str, fields: Mapping[str, str], **headers: str) -> Answer:
        return await self._ask("POST", link, fields, **headers)

    async def tap(self, page: Answer, act: str, **fields: str) -> Answer:
        """Tap the button of this act, with these fields filled in."""
        found = forms(page.html)
        buttons = [form for form in found if ("act", act) in form.buttons]
        for form in buttons or [form for form in found if form.fields.get("act") == act]:
            missing = set(fields) - set(form.fields)
            assert not missing, f"the form has no {missing}"
            return await self.post(page.url, {**form.fields, "act": act, **fields})
        raise AssertionError(f"no button {act!r} on {page.text}")

    async def _ask(self, method: str, link: str, fields: Mapping[str, str] | None, **headers: str) -> Answer:
        parts = urlsplit(link)
        url = self.base + parts.path.removeprefix("/ops") + (f"?{parts.query}" if parts.query else "")
        async with self._session.request(
            method, URL(url, encoded=True), data=fields, headers={**self._headers, **headers}, allow_redirects=True
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.text(), str(answer.url))


@dataclass
class Form:
    """A form of a page: its fields as they are, its buttons by name and value."""

    action: str
    fields: dict[str, str]
    buttons: list[tuple[str, str]]


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert values["method"] == "post"
            self.found.append(Form(values["action"], {}, []))
            self._inside = True
        elif self._inside and tag in ("input", "textarea", "select"):
            self.found[-1].fields[values["name"]] = values.get("value", "")
        elif self._inside and tag == "button" and "name" in values:
            self.found[-1].buttons.append((values["name"], values["value"]))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._skip = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._skip += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._skip -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._skip:
            self.parts.append(data)


def forms(html: str) -> list[Form]:
    parser = _Forms()
    parser.feed(html)
    return parser.found


def readable(html: str) -> str:
    parser = _Text()
    parser.feed(html)
    return re.sub(r"\s+", " ", " ".join(parser.parts)).strip()


class ConsoleRig:
    """A scene with a console before it."""

    def __init__(self, store: Store, **pace: Any) -> None:
        self.scene, self.store, self.clock = Scene(store, **pace), store, ConsoleClock()
        self.links = LinkMaker(PUBLIC, SECRET)
        self.files = FixedFiles(self.scene.policy)
        self.view = IncidentView(store, self.files, self.links, self.clock, "en")  # type: ignore[arg-type]
        self.inbound = Inbound(store, self.files, self.clock)  # type: ignore[arg-type]

    async def incident(self, *arrivals: Any, **first: Any) -> str:
        """An incident of these posts; its id."""
        posts = arrivals or (arrival(**first),)
        await self.scene.arrive(*posts)
        (row,) = await self.scene.rows("SELECT id FROM incidents WHERE latest ORDER BY opened_at, id LIMIT 1")
        return str(row.id)

    def link(self, incident: str, purpose: str = "acknowledge") -> str:
        made = self.links.links(incident, self.clock.now())
        assert made is not None
        return made[purpose]

    async def state(self, incident: str) -> Any:
        (row,) = await self.scene.rows(
            "SELECT status, acknowledged_by, acknowledged_until, assignee FROM incidents WHERE id = :i", i=incident
        )
        return row

    async def timeline(self, incident: str) -> list[tuple[str, str, str]]:
        rows = await self.scene.rows(
            "SELECT event, actor, reason FROM events WHERE incident = :i ORDER BY id", i=incident
        )
        return [(row.event, row.actor, row.reason) for row in rows]

    @asynccontextmanager
    async def browser(self, language: str = "en-GB,en;q=0.9") -> AsyncIterator[Browser]:
        server = ConsoleServer(ConsoleSettings(port=0), self.view, self.inbound, "en")
        await server.start()
        try:
            async with aiohttp.ClientSession(
                cookie_jar=aiohttp.CookieJar(
                    unsafe=True, treat_as_secure_origin=[URL(f"http://127.0.0.1:{server.port}")]
                )
            ) as session:
                headers = {"Accept-Language": language} if language else {}
                yield Browser(f"http://127.0.0.1:{server.port}", session, headers)
        finally:
            await server.stop()
