"""X's batch compliance: a job, an upload of ids, and the list of those that must go. It bills no post."""

from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

import aiohttp
import msgspec

from workers.runtime.http_client import open_http_client
from workers.x import fields
from workers.x.api import XApi
from workers.x.failure import CallFailed, Failure

# Ours: a file of ids or of results has some megabytes.
_STORAGE_SECONDS: Final = 120.0

Status = Literal["created", "in_progress", "complete", "failed", "expired"]
_STATUSES: Final[tuple[Status, ...]] = ("created", "in_progress", "complete", "failed", "expired")
# X's reasons for which a post goes. `scrub_geo` asks for its place to be forgotten, and we keep none.
_REASONS: Final = {
    "deleted": "deleted at X",
    "bounced": "deleted at X",
    "deactivated": "deleted at X",
    "protected": "protected at X",
    "suspended": "suspended at X",
}


class Job(NamedTuple):
    """A job as X shows it."""

    id: str
    status: Status
    upload_url: str
    download_url: str


class Compliance:
    """One credential's jobs about posts. Raises CallFailed; close it."""

    def __init__(self, api: XApi) -> None:
        self._api = api
        # Without the token: the files lie at another company's, under addresses that are signed.
        self._storage = open_http_client(_STORAGE_SECONDS)

    async def close(self) -> None:
        """Close the connections to where the files lie; the API's are its owner's."""
        await self._storage.close()

    async def create(self, name: str) -> Job:
        """A new job."""
        return _job(await self._api.create_job(name))

    async def get(self, job_id: str) -> Job:
        """How a job stands."""
        return _job(await self._api.job(job_id))

    async def upload(self, job: Job, ids: Iterable[str]) -> None:
        """Give a job its ids, one a line."""
        await self._file("PUT", job.upload_url, "".join(f"{post_id}\n" for post_id in ids).encode())

    async def download(self, url: str) -> dict[str, str]:
        """The ids that must go, and why. A list that is cut or can't be read is none."""
        return read_result(await self._file("GET", url, None))

    async def _file(self, method: str, url: str, data: bytes | None) -> bytes:
        headers = {"Content-Type": "text/plain"} if data is not None else {}
        try:
            async with self._storage.request(method, url, data=data, headers=headers) as response:
                content = await response.read()
                if response.status not in (200, 201):
                    raise CallFailed(Failure("http", f"HTTP {response.status} from where compliance files lie"))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # By its type alone: the address is signed, and as good as a password.
            raise CallFailed(Failure("network", f"compliance file: {type(error).__name__}")) from None
        return content


def read_result(content: bytes) -> dict[str, str]:
    """The ids that must go, with the reason in words. Raises CallFailed for a line that is not one of X's."""
    gone: dict[str, str] = {}
    for line in content.splitlines():
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CallFailed(Failure("http", "a compliance result that is cut, or no JSON lines")) from None
        post_id = fields.identifier(row.get("id")) if isinstance(row, dict) else None
        if post_id is not None and row.get("action") == "delete" and row.get("reason") in _REASONS:
            gone[post_id] = _REASONS[row["reason"]]
    return gone


def _job(answer: dict[str, Any]) -> Job:
    data = fields.mapping(answer.get("data"))
    status = data.get("status")
    texts = [fields.text(data.get(name)) or "" for name in ("upload_url", "download_url")]
    job_id = fields.identifier(data.get("id"))
    if job_id is None or status not in _STATUSES:
        raise CallFailed(Failure("http", "a compliance job without an id or a status that is known"))
    return Job(job_id, status, *texts)
