"""The incident's page: opened by a signed link, changed by its forms alone."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final, NamedTuple, cast
from urllib.parse import quote, unquote, urlencode

from aiohttp import web

from config.files import Files
from schemas.mark import INFLUENCES, SEVERITIES, Kind
from workers.console.acts import ACTS, LEASES, LONGEST_NAME, Act, clean, perform, read_act
from workers.console.bodies import body_of
from workers.console.rendering import lease_label, moment, render
from workers.console.words import WORDS, Language, chosen
from workers.incidents.answers import Answer, Answering, best_answer, reply_url
from workers.incidents.change import ChangeRefusedError, to_millis
from workers.incidents.links import LinkMaker, form_token, is_form_token, key, read
from workers.incidents.model import Desk, Incident, Scope, Status
from workers.incidents.routing import route
from workers.runtime.clock import Clock
from workers.runtime.logging import get_logger
from workers.store.incident_page import IncidentPage, PagePost, incident_page
from workers.store.store import Store

_log = get_logger(__name__)

NAME_COOKIE: Final = "hikeshi_name"
_COOKIE_SECONDS: Final = 365 * 24 * 3600
_CARRIED: Final = ("act", "text", "to", "post", "for")  # of a form, while its sender is asked for the name
_MOST_PEOPLE: Final = 6  # ours: what fits without scrolling
_FORM_BYTES: Final = 32_768  # ours: the longest note in any script, and room


class Opened(NamedTuple):
    """A page that a valid link opened."""

    incident: IncidentPage
    key: str
    language: Language
    zone: str
    asked: str | None

    @property
    def here(self) -> str:
        """The page's own address, as its forms and links name it: wherever a proxy has put it."""
        return "?" + urlencode({"key": self.key} | ({"lang": self.asked} if self.asked else {}))


class IncidentView:
    """Answers at `/incidents/{id}`."""

    def __init__(self, store: Store, files: Files, links: LinkMaker, clock: Clock, default_language: str) -> None:
        self._store, self._files, self._links, self._clock = store, files, links, clock
        self._default_language = default_language

    async def show(self, request: web.Request) -> web.Response:
        """The page. Changes nothing, whoever asks: a person, a link preview, a mail scanner."""
        opened = await self._open(request)
        if isinstance(opened, web.Response):
            return opened
        done = request.query.get("done", "")
        name = "" if "who" in request.query else self._name(request)
        return self._page(opened, name, done=f"done_{done}" if done in ACTS else None)

    async def act(self, request: web.Request) -> web.Response:
        """One of its forms."""
        opened = await self._open(request)
        if isinstance(opened, web.Response):
            return opened
        form = await _form(request)
        if not is_form_token(form.get("token", ""), opened.incident.id, opened.key, self._links.secret):
            return _message(opened.language, "old_form", HTTPStatus.FORBIDDEN, back=opened.here)
        given = clean(form.get("name", ""), LONGEST_NAME)
        name = given or self._name(request)
        if not name:
            return self._ask_name(opened, form, "no_name" if "name" in form else None)
        act = read_act(form, name)
        if isinstance(act, str):
            answer = self._page(opened, name, fault=act, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        else:
            answer = await self._perform(opened, act)
        if given:
            self._remember(answer, given)
        return answer

    async def _perform(self, opened: Opened, act: Act) -> web.Response:
        try:
            await perform(self._store, self._files.policy, opened.incident, act, self._clock.now())
        except ChangeRefusedError as error:
            _log.info("act_refused", incident=opened.incident.id, act=act.name, why=str(error))
            fresh = await incident_page(self._store, opened.incident.id)
            shown = opened._replace(incident=fresh) if fresh else opened
            return self._page(shown, act.by, fault="not_open", status=HTTPStatus.CONFLICT)
        _log.info("incident_changed", incident=opened.incident.id, act=act.name)
        # Loading the page again does nothing again.
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"{opened.here}&done={act.name}"})

    async def _open(self, request: web.Request) -> Opened | web.Response:
        """The page that this request's link opens; else why it opens none, without a word on what there is."""
        incident_id, written, asked = request.match_info["id"], request.query.get("key", ""), _asked(request)
        accepts = request.headers.get("Accept-Language", "")
        link = read(incident_id, written, self._links.secret, self._clock.now())
        if link.standing != "valid":
            status = HTTPStatus.GONE if link.standing == "expired" else HTTPStatus.FORBIDDEN
            return _message(chosen(asked, accepts, self._default_language), link.standing, status)
        incident = await incident_page(self._store, incident_id)
        if incident is None:
            return _message(chosen(asked, accepts, self._default_language), "gone", HTTPStatus.NOT_FOUND)
        of_route, zone = self._style(incident)
        return Opened(incident, written, chosen(asked, accepts, of_route), zone, asked)

    def _style(self, incident: IncidentPage) -> tuple[str, str]:
        """Language and time zone of the incident's route; of the brand where the route names no zone."""
        first = route(self._files.policy, _as_routed(incident), to_millis(self._clock.now())).first
        zone = first.timezone
        if zone == "UTC":
            zone = next((brand.timezone for brand in self._files.brands if brand.id == incident.brand), zone)
        return first.language, zone

    def _page(
        self,
        opened: Opened,
        name: str,
        *,
        done: str | None = None,
        fault: str | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> web.Response:
        incident, language, now = opened.incident, opened.language, self._clock.now()
        other: Language = "en" if language == "ja" else "ja"
        html = render(
            "incident.html",
            language,
            other_language="?" + urlencode({"key": opened.key, "lang": other}),
            incident=incident,
            brand=self._brand_name(incident),
            open=incident.status in ("firing", "acknowledged"),
            here=opened.here,
            token=form_token(incident.id, opened.key, self._links.secret),
            name=name,
            done=done,
            fault=fault,
            zone=opened.zone,
            moment=lambda at: moment(at, opened.zone, language, now),
            counts=_counts(incident, language),
            leases=[(lease, lease_label(lease, language)) for lease in LEASES],
            people=_people(incident),
            answers={post.id: self._answer(incident, post, language) for post in incident.posts},
            reply_url=reply_url,
            burst_link=self._burst_link(opened),
        )
        return _html(html, status)

    def _brand_name(self, incident: IncidentPage) -> str:
        """As people read it."""
        return next((brand.name for brand in self._files.brands if brand.id == incident.brand), incident.brand)

    def _answer(self, incident: IncidentPage, post: PagePost, language: Language) -> Answer | None:
        """What the team's answer book has for a post; its link opens X's reply window, where a person sends it."""
        asked = Answering(post.id, incident.brand, post.kind, post.severity, post.lang, post.text)
        return best_answer(self._files.answers, asked, language)

    def _burst_link(self, opened: Opened) -> str | None:
        """Who may act on a conversation may act on the burst that speaks for it: as long as by the link at hand."""
        burst = opened.incident.merged_into
        if burst is None:
            return None
        until = datetime.fromtimestamp(int(opened.key.split("-")[1], 16), tz=self._clock.now().tzinfo)
        made = key(burst, "incident", self._links.secret, until)
        return f"{quote(burst)}?" + urlencode({"key": made} | ({"lang": opened.asked} if opened.asked else {}))

    def _ask_name(self, opened: Opened, form: Mapping[str, str], fault: str | None) -> web.Response:
        token = form_token(opened.incident.id, opened.key, self._links.secret)
        carried = {field: form[field] for field in _CARRIED if field in form} | {"act": form.get("act", "")}
        html = render("name.html", opened.language, here=opened.here, token=token, carried=carried, fault=fault)
        return _html(html, HTTPStatus.UNPROCESSABLE_ENTITY if fault else HTTPStatus.OK)

    def _name(self, request: web.Request) -> str:
        """Who acts on this device, as far as it remembers."""
        return clean(unquote(request.cookies.get(NAME_COOKIE, "")), LONGEST_NAME) or ""

    def _remember(self, answer: web.Response, name: str) -> None:
        """Lax: the cookie comes along where the link is opened from a chat or a mail."""
        secure = (self._links.public_url or "").startswith("https:")
        answer.set_cookie(
            NAME_COOKIE, quote(name), max_age=_COOKIE_SECONDS, httponly=True, samesite="Lax", secure=secure, path="/"
        )


def _people(incident: IncidentPage) -> list[str]:
    """Who has acted on it, the last first: whom it may be assigned to with one tap."""
    actors = (event.actor for event in incident.events if event.actor not in ("", "hikeshi"))
    return list(dict.fromkeys(actors))[:_MOST_PEOPLE]


def _as_routed(incident: IncidentPage) -> Incident:
    """What routing asks of an incident, from what the page shows: no row of it is locked to show it."""
    return Incident(
        id=incident.id,
        key=incident.key,
        scope=cast(Scope, incident.scope),
        brand=incident.brand,
        desk=cast(Desk, incident.key.split("/")[1]),
        kind=cast(Kind, incident.kind),
        severity=SEVERITIES.index(incident.severity),
        influence=INFLUENCES.index(incident.influence),
        status=cast(Status, incident.status),
        opened_at=incident.opened_at,
        updated_at=incident.opened_at,
        last_post_at=incident.opened_at,
        event_at=incident.opened_at,
        langs=incident.langs,
        usernames=frozenset(p.author.username.lower() for p in incident.posts if p.author and p.author.username),
    )


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of a form; what is too large or no form of ours has none."""
    if request.content_type != "application/x-www-form-urlencoded" or (request.content_length or 0) > _FORM_BYTES:
        return {}
    try:
        await body_of(request, _FORM_BYTES)
        posted = await request.post()  # of that body
    except (ValueError, LookupError, web.HTTPRequestEntityTooLarge):  # no text in the encoding that it names
        return {}
    return {name: value for name, value in posted.items() if isinstance(value, str)}


def _asked(request: web.Request) -> str | None:
    asked = request.query.get("lang", "")
    return asked if asked in WORDS else None


def _counts(incident: IncidentPage, language: Language) -> str:
    words = WORDS[language]
    if incident.post_count == 1:
        return words["count_one"]
    return words["counts"].format(posts=f"{incident.post_count:,}", authors=f"{incident.author_count:,}")


def _message(language: Language, name: str, status: HTTPStatus, *more: str, back: str | None = None) -> web.Response:
    words = WORDS[language]
    lines = [words[line] for line in (name, *more)]
    return _html(render("message.html", language, title=words[f"{name}_title"], lines=lines, back=back), status)


def message(request: web.Request, default_language: str, name: str, status: HTTPStatus, *more: str) -> web.Response:
    """A page of a few words, in the language of its reader."""
    language = chosen(_asked(request), request.headers.get("Accept-Language", ""), default_language)
    return _message(language, name, status, *more)


def _html(html: str, status: HTTPStatus) -> web.Response:
    return web.Response(text=html, status=status, content_type="text/html", charset="utf-8")
