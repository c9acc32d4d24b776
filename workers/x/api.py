"""X's REST endpoints: paced, timed out, errors told by class. The token is in the session's headers, nowhere else."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
from asyncio_throttle.throttler import Throttler

from config.x_settings import XSettings
from schemas.errors import ConfigurationError
from workers.runtime.http_client import release
from workers.runtime.logging import get_logger
from workers.x import fields
from workers.x.backoff import WINDOW_SECONDS
from workers.x.failure import CallFailed, Failure, of_answer
from workers.x.parameters import Spelling, lookup_parameters, others, post_parameters

_log = get_logger(__name__)

RULES_PATH: Final = "/2/tweets/search/stream/rules"
SEARCH_PATH: Final = "/2/tweets/search/recent"
LOOKUP_PATH: Final = "/2/tweets"
JOBS_PATH: Final = "/2/compliance/jobs"
SEARCHES: Final = 450  # X's, in 15 minutes
# X's, in 15 minutes: rules are read 450 times and changed 100, search asked 450 and so on.
_REQUESTS: Final = {
    "read": 450, "change": 100, "search": SEARCHES, "lookup": 3500, "clear": 25, "usage": 50, "counts": 300,
    "compliance": 150,
}  # fmt: skip
LOOKUP_IDS: Final = 100  # X's: ids in one look-up
NO_SUCH_RULE: Final = "X takes no such rule"
_POLL_SECONDS: Final = 0.1  # asyncio-throttle polls; ours: fine enough beside a request's time
_RULES_AT_ONCE: Final = 100  # ours: rules in one request
_CONNECT_SECONDS: Final = 5.0
_TOTAL_SECONDS: Final = 20.0  # ours: a page of search takes one or two


def x_headers(token: str) -> dict[str, str]:
    """What each request to X carries."""
    return {"Authorization": f"Bearer {token}", "User-Agent": f"hikeshi/{release()}"}


class Rule(NamedTuple):
    """A rule of the stream as X holds it; `id` is X's, None before it has one."""

    value: str
    tag: str
    id: str | None = None


class XApi:
    """One credential's calls. Raises CallFailed; close it.

    `authors`: posts come with their authors, whom X may bill. `spelling`: how the fields of a post are named first; an
    answer that refuses a name makes it the other from then on.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        spelling: Spelling = "tweet",
        authors: bool = True,
        window_seconds: float = WINDOW_SECONDS,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self.spelling, self._authors = spelling, authors
        self._session = aiohttp.ClientSession(
            headers=x_headers(token),
            timeout=aiohttp.ClientTimeout(total=_TOTAL_SECONDS, sock_connect=_CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._throttles = {
            name: Throttler(rate_limit=most, period=window_seconds, retry_interval=_POLL_SECONDS)
            for name, most in _REQUESTS.items()
        }

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def rules(self) -> list[Rule]:
        """Every rule of the credential."""
        found: list[Rule] = []
        parameters: dict[str, str] = {}
        while True:
            answer, _ = await self._call("read", "GET", RULES_PATH, parameters=parameters)
            found += [
                Rule(str(rule.get("value", "")), str(rule.get("tag") or ""), str(rule["id"]))
                for rule in _list(answer.get("data"))
                if rule.get("id")
            ]
            meta = answer.get("meta")
            token = meta.get("next_token") if isinstance(meta, dict) else None
            if not token:
                return found
            parameters = {"pagination_token": str(token)}

    async def add_rules(self, rules: Sequence[Rule], *, dry_run: bool) -> None:
        """Add these, or only ask whether X would take them. One that X has already is no failure."""
        for start in range(0, len(rules), _RULES_AT_ONCE):
            some = rules[start : start + _RULES_AT_ONCE]
            body = {"add": [{"value": rule.value, "tag": rule.tag} for rule in some]}
            parameters = {"dry_run": "true"} if dry_run else {}
            try:
                answer, _ = await self._call("change", "POST", RULES_PATH, parameters=parameters, body=body)
            except CallFailed as error:
                if "DuplicateRule" in error.failure.detail and len(some) == 1:
                    continue
                raise
            bad = [error for error in _list(answer.get("errors")) if error.get("title") != "DuplicateRule"]
            if bad:
                said = "; ".join(f"{error.get('value')}: {error.get('details') or error.get('title')}" for error in bad)
                raise CallFailed(Failure("refused", f"{NO_SUCH_RULE}: {said}"))

    async def delete_rules(self, rules: Sequence[Rule]) -> None:
        """Delete these, by X's own ids."""
        ids = [rule.id for rule in rules if rule.id]
        for start in range(0, len(ids), _RULES_AT_ONCE):
            body = {"delete": {"ids": ids[start : start + _RULES_AT_ONCE]}}
            await self._call("change", "POST", RULES_PATH, body=body)

    async def search(self, parameters: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
        """One page of recent search: read, and as it came."""
        return await self._posts(
            "search", SEARCH_PATH, parameters, lambda spelling: post_parameters(spelling, authors=self._authors)
        )

    async def posts(self, ids: Sequence[str]) -> tuple[dict[str, Any], bytes]:
        """These posts, 100 at most: read, and as it came. One that X no longer shows is among its `errors`, or gone."""
        return await self._posts("lookup", LOOKUP_PATH, {"ids": ",".join(ids)}, lookup_parameters)

    async def posts_a_day(self, query: str) -> float:
        """How many posts a day a query met over the last seven. X bills the question as one post."""
        answer, _ = await self._call(
            "counts", "GET", "/2/tweets/counts/recent", parameters={"query": query, "granularity": "day"}
        )
        counts = [fields.count(day.get("tweet_count", day.get("post_count"))) for day in _list(answer.get("data"))]
        return sum(count for count in counts if count is not None) / 7

    async def clear_connections(self) -> None:
        """Close every stream of the credential: those that X holds open after we are gone."""
        await self._call("clear", "DELETE", "/2/connections/all")

    async def usage(self) -> dict[str, Any]:
        """What X says of the project's use this month."""
        answer, _ = await self._call("usage", "GET", "/2/usage/tweets", parameters={"days": "31"})
        data = answer.get("data")
        return data if isinstance(data, dict) else {}

    async def create_job(self, name: str) -> dict[str, Any]:
        """A new compliance job about posts, as X shows it."""
        answer, _ = await self._call("compliance", "POST", JOBS_PATH, body={"type": "tweets", "name": name})
        return answer

    async def job(self, job_id: str) -> dict[str, Any]:
        """A compliance job as X shows it now."""
        answer, _ = await self._call("compliance", "GET", f"{JOBS_PATH}/{job_id}")
        return answer

    async def _posts(
        self, quota: str, path: str, parameters: Mapping[str, str], wanted: Callable[[Spelling], Mapping[str, str]]
    ) -> tuple[dict[str, Any], bytes]:
        """Posts with all that we want to know of them, in whichever spelling X takes."""
        refused: CallFailed | None = None
        for spelling in (self.spelling, *others(self.spelling)):
            try:
                answer = await self._call(quota, "GET", path, parameters={**parameters, **wanted(spelling)})
            except CallFailed as error:
                if error.failure.kind != "spelling":
                    raise
                refused = error
                continue
            if self.spelling != spelling:
                self.spelling = spelling
                _log.warning("spelling_changed", spelling=spelling, reason="X refused the other names of the fields")
            return answer
        assert refused is not None  # noqa: S101 - each of the loop's ways out but this one has left
        raise refused

    async def _call(
        self, quota: str, method: str, path: str, *, parameters: Mapping[str, str] | None = None, body: Any = None
    ) -> tuple[dict[str, Any], bytes]:
        async with self._throttles[quota]:
            try:
                async with self._session.request(
                    method, self._base_url + path, params=parameters, json=body, allow_redirects=False
                ) as response:
                    content = await response.read()
                    if response.status not in (200, 201):
                        raise CallFailed(of_answer(response.status, response.headers, content))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                # By its type alone: some of aiohttp's errors show the request's headers, and so the token.
                raise CallFailed(Failure("network", f"{method} {path}: {type(error).__name__}")) from None
        try:
            answer = msgspec.json.decode(content) if content.strip() else {}
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CallFailed(Failure("http", f"{method} {path}: an answer that is no JSON")) from None
        return (answer if isinstance(answer, dict) else {}), content


def open_api(settings: XSettings, window_seconds: float = WINDOW_SECONDS) -> XApi:
    """The API with the account of the settings; ConfigurationError without a token. Close it.

    `window_seconds`: of X's limits; shorter where its time runs faster, in tests.
    """
    if settings.bearer_token is None:
        raise ConfigurationError("reading X needs HIKESHI_X__BEARER_TOKEN")
    token = settings.bearer_token.get_secret_value()
    return XApi(
        settings.base_url, token,
        spelling=settings.spelling, authors=settings.authors, window_seconds=window_seconds,
    )  # fmt: skip


def _list(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
