"""Everything else, through apprise. It says only whether it worked: one class of failure, no Retry-After, no editing.

A service behind it has no idempotency key here: a repeated attempt after a time-out may arrive twice.
"""

import asyncio
from typing import Any, Final

from config.channels import AppriseEntry
from workers.dispatcher.channels.plain import Parts, whole_text
from workers.dispatcher.channels.tools import Tools, needed
from workers.dispatcher.measure import characters, cut
from workers.dispatcher.outcome import Result
from workers.dispatcher.style import Style
from workers.dispatcher.view import read_alert, view

SEND_SECONDS: Final = 10.0  # ours, as a webhook's
LEAST_TEXT: Final = 140  # ours, in characters: a service that takes less (an SMS) gets so much, in parts if need be


class AppriseChannel:
    """Hands text to apprise, which works in a thread."""

    def __init__(self, entry: AppriseEntry, receiver: str, tools: Tools) -> None:
        self._receiver, self._tools = receiver, tools
        self._service = _service(needed(entry.url, "apprise.url"))
        self._sending: asyncio.Future[bool] | None = None

    async def send(self, key: str, body: bytes, style: Style, trace: str | None) -> Result:  # noqa: ARG002  apprise takes neither
        shown = view(read_alert(body), style)
        parts = Parts(self._tools.templates(), "apprise", style.language)
        title_room = int(self._service.title_maxlen)
        title = cut(parts("headline", shown), title_room, characters) if title_room else ""
        room = max(LEAST_TEXT, int(self._service.body_maxlen))
        text = whole_text(shown, parts, room, characters, headline=not title)
        try:
            if self._sending is not None and not self._sending.done():
                return Result("timed_out", "apprise has not ended the last one yet")
            self._sending = asyncio.get_running_loop().run_in_executor(
                None, lambda: bool(self._service.notify(body=text, title=title, body_format="text"))
            )
            done = await asyncio.wait_for(asyncio.shield(self._sending), SEND_SECONDS)
        except TimeoutError:
            return Result("timed_out", "apprise did not end in time")
        return Result("delivered") if done else Result("server", "apprise could not deliver it; it does not say why")


def _service(url: str) -> Any:
    """Apprise's own object for the URL. It may keep nothing on disk, and names the program as ours."""
    import apprise  # here, since only those who use it should wait for its hundred services to load

    asset = apprise.AppriseAsset(
        app_id="Hikeshi", app_desc="Hikeshi", app_url="", storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=False)
