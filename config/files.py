"""The files that a user edits, in force: read at start, watched from then on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from config.brands import EXAMPLE as BRANDS_EXAMPLE
from config.brands import Brand, brands_of
from config.documents import Document, parse_document, read_document
from config.faults import ConfigurationFaults, Fault
from config.routes import Policy, default_policy, policy_of
from config.routes_file import EXAMPLE as ROUTES_EXAMPLE
from config.settings import Settings
from config.validation import THIS_RELEASE

BRANDS = "brands.yaml"
ROUTES = "routes.yaml"
LATER = ("answers.yaml", "negative-list.yaml")

# A change must be in force within 5 s (the contract's): one look sees it, the next that the writer has finished.
LOOK_EVERY_SECONDS = 1.0

Contents = dict[str, bytes | None]


class Files:
    """Brands and routing policy, as last accepted.

    `brands` and `policy` are replaced as a whole and never changed in place: a reader that keeps the object it used
    sees by `is not` that there is a newer one. `extra_brands` (the sample's) come after the file's; with them the file
    may be missing.
    """

    def __init__(self, settings: Settings, extra_brands: Sequence[Brand] = ()) -> None:
        self._settings = settings
        self._extra = tuple(extra_brands)
        self._folder = settings.config
        self._contents = self._look()
        self.brands, self.policy = self._read(self._contents)

    def _look(self) -> Contents:
        """The bytes of each file now; None for one that is missing or can't be read."""
        return {name: _bytes_of(self._folder / name) for name in (BRANDS, ROUTES, *LATER)}

    def _read(self, contents: Contents) -> tuple[tuple[Brand, ...], Policy]:
        """Brands and policy of these contents; ConfigurationFaults with the faults of all files."""
        faults = [
            Fault(str(self._folder / name), None, "", THIS_RELEASE, "remove the file, or run a release that does")
            for name in LATER
            if contents[name] is not None or (self._folder / name).exists()
        ]
        brands: tuple[Brand, ...] = ()
        if contents[BRANDS] is not None or not self._extra:
            document = self._document(BRANDS, contents, BRANDS_EXAMPLE)
            brands = brands_of(document, self._extra)
            faults.extend(document.faults)
        policy: Policy | None = default_policy(self._settings.language)
        if contents[ROUTES] is not None or (self._folder / ROUTES).exists():
            document = self._document(ROUTES, contents, ROUTES_EXAMPLE)
            policy = policy_of(document, self._folder, self._settings.language)
            faults.extend(document.faults)
        if faults or policy is None:
            raise ConfigurationFaults(faults)
        return (*brands, *self._extra), policy

    def _document(self, name: str, contents: Contents, example: str) -> Document:
        path, raw = self._folder / name, contents[name]
        if raw is None:
            return read_document(path, example=example)
        document = Document(str(path))
        parse_document(document, raw, example=example)
        return document

    async def watch(
        self,
        on_change: Callable[[], None],
        on_refused: Callable[[list[Fault]], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Look for changed files until cancelled: each is in force within 5 s, or refused and the old one kept.

        A file is read once two looks in a row find the same in it, so that one half written is not judged.
        """
        judged = seen = self._contents
        while True:
            await sleep(LOOK_EVERY_SECONDS)
            found = await asyncio.to_thread(self._look)
            settled, seen = found == seen, found
            if found == judged or not settled:
                continue
            judged = found
            try:
                brands, policy = await asyncio.to_thread(self._accepted, found)
            except ConfigurationFaults as error:
                on_refused(error.faults)
                continue
            self._contents, self.brands, self.policy = found, brands, policy
            on_change()

    def _accepted(self, found: Contents) -> tuple[tuple[Brand, ...], Policy]:
        """Brands and policy of what was found; a file that was in force and is gone is refused."""
        gone = [
            Fault(str(self._folder / name), None, "", "is gone; what it said stays in force", "put it back")
            for name in (BRANDS, ROUTES)
            if found[name] is None and self._contents[name] is not None
        ]
        if gone:
            raise ConfigurationFaults(gone)
        return self._read(found)


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
