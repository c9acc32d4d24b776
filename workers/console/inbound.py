"""What people do elsewhere: Slack's buttons over signed requests, PagerDuty's webhooks. One truth: the same acts."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from config.channels import PagerDutyEntry, SlackEntry
from config.files import Files
from workers.console.acts import Act, ActName, perform
from workers.console.bodies import body_of
from workers.console.pagerduty import deed, is_pagerduty
from workers.incidents.change import ChangeRefusedError
from workers.incidents.slack_buttons import MAX_PAYLOAD_BYTES, Press, payload_of_form, presses, refusal, why_not_slack
from workers.runtime.clock import Clock
from workers.runtime.http_client import open_http_client
from workers.runtime.logging import get_logger
from workers.store.incident_page import incident_page
from workers.store.store import Store

_log = get_logger(__name__)

_ACTS: Final[dict[str, ActName]] = {
    "acknowledge": "acknowledge",
    "assign": "assign",
    "not_relevant": "not_relevant",
    "resolve": "resolve",
}
_DONE: Final = {"acknowledge": "acknowledged", "resolve": "resolved"}


class Inbound:
    """Answers at `/hooks/…`; what is not signed by a secret of routes.yaml is refused and changes nothing."""

    def __init__(self, store: Store, files: Files, clock: Clock) -> None:
        self._store, self._files, self._clock = store, files, clock

    async def slack(self, request: web.Request) -> web.Response:
        """A button in a message of ours."""
        body = await body_of(request, MAX_PAYLOAD_BYTES)
        stamp, signature = (request.headers.get(f"X-Slack-{name}", "") for name in ("Request-Timestamp", "Signature"))
        now = self._clock.now()
        secrets = list(self._secrets(SlackEntry, "signing_secret"))
        whys = [why_not_slack(body, stamp, signature, secret, now) for secret in secrets]
        if None not in whys:
            return _refused("slack", str(whys[0]) if whys else "no receiver has a signing_secret")
        for press in presses(payload_of_form(body)):
            await self.press(press)
        return web.Response()

    async def press(self, press: Press) -> None:
        """Do what a press in Slack says; where it can't be done its presser is told why."""
        why = await self._act(press.action, press.incident, press.by, "in Slack")
        if why is not None:
            await self._answer(press, why)

    async def pagerduty(self, request: web.Request) -> web.Response:
        """What somebody did to an alert of ours there."""
        body = await body_of(request, MAX_PAYLOAD_BYTES)
        signatures = request.headers.get("X-PagerDuty-Signature", "")
        if not any(
            is_pagerduty(body, signatures, secret) for secret in self._secrets(PagerDutyEntry, "webhook_secret")
        ):
            return _refused("pagerduty", "its signature is wrong")
        done = deed(body)
        if done is not None and not await self._is_so(done.incident, done.action):
            await self._act(done.action, done.incident, done.by, "in PagerDuty")
        # Anything but 2xx would be sent again and again, and in the end switched off.
        return web.Response()

    async def _act(self, action: str, incident_id: str, by: str, where: str) -> str | None:
        """Do it; else why it can't be done."""
        incident = await incident_page(self._store, incident_id)
        if incident is None:
            return f"{incident_id}: no such incident"
        act = Act(_ACTS[action], by, text=where, to=by)
        try:
            await perform(self._store, self._files.policy, incident, act, self._clock.now())
        except ChangeRefusedError as error:
            _log.info("act_refused", incident=incident_id, act=action, why=str(error))
            return str(error)
        _log.info("incident_changed", incident=incident_id, act=action, where=where)
        return None

    async def _is_so(self, incident_id: str, action: str) -> bool:
        """Whether it is in that state already: our own word, coming back."""
        incident = await incident_page(self._store, incident_id)
        return incident is not None and incident.status == _DONE[action]

    async def _answer(self, press: Press, why: str) -> None:
        """Tell the presser, and nobody else, that nothing was done."""
        parts = urlsplit(press.response_url or "")
        if parts.scheme != "https" or not (parts.hostname or "").endswith(".slack.com"):
            return
        try:
            async with open_http_client() as client:
                said = refusal(why, self._files.policy.route.language)
                async with client.post(str(press.response_url), json=said, allow_redirects=False):
                    pass
        except (TimeoutError, aiohttp.ClientError, ValueError) as error:
            _log.warning("press_unanswered", error=type(error).__name__)

    def _secrets(self, kind: type[SlackEntry] | type[PagerDutyEntry], name: str) -> Iterator[str]:
        """The secrets of this kind of receivers."""
        for receiver in self._files.policy.receivers.values():
            secret: SecretStr | None = getattr(receiver.settings, name) if isinstance(receiver.settings, kind) else None
            if secret is not None:
                yield secret.get_secret_value()


def _refused(where: str, why: str) -> web.Response:
    _log.warning("request_refused", where=where, why=why)
    return web.Response(status=HTTPStatus.UNAUTHORIZED, text="401: not signed by a secret that is known here\n")
