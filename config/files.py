"""The files that a user edits, in force: read at start, watched from then on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from config.answers import EXAMPLE as ANSWERS_EXAMPLE
from config.answers import AnswerEntry, answers_of
from config.brands import EXAMPLE as BRANDS_EXAMPLE
from config.brands import Brand, brands_of
from config.documents import Document, parse_document, read_document
from config.faults import ConfigurationFaults, Fault
from config.routes import Policy, default_policy, load_routes, policy_of
from config.routes_file import EXAMPLE as ROUTES_EXAMPLE
from config.settings import Settings, read_settings
from config.templates import FOLDER as TEMPLATES_FOLDER
from config.templates import SUFFIX as TEMPLATE_SUFFIX
from config.templates import Templates
from config.validation import REFUSED_REMEDY, THIS_RELEASE

BRANDS: Final = "brands.yaml"
ROUTES: Final = "routes.yaml"
ANSWERS: Final = "answers.yaml"
LATER: Final = ("negative-list.yaml",)
_SHORT_SUFFIX: Final = ".yml"  # what people write by habit: it would be passed over, and nobody would know why

# A change must be in force within 5 s (the contract's): one look sees it, the next that the writer has finished.
LOOK_EVERY_SECONDS: Final = 1.0

Contents = dict[Path, bytes | None]


class Accepted(NamedTuple):
    """What the files say together."""

    brands: tuple[Brand, ...]
    policy: Policy
    answers: tuple[AnswerEntry, ...]
    templates: Templates


class Files:
    """Brands, routing policy, answer book and templates, as last accepted.

    They are replaced as a whole and never changed in place: a reader that keeps the object it used sees by `is not`
    that there is a newer one. `extra_brands` (the sample's) come after the file's; with them the file
    may be missing. A secret that `routes.yaml` names by its file is watched like the file itself.
    """

    def __init__(self, settings: Settings, extra_brands: Sequence[Brand] = ()) -> None:
        self._language = settings.language
        self._extra = tuple(extra_brands)
        self._brands_path = settings.config / BRANDS
        self._routes_path = settings.config / ROUTES
        self._answers_path = settings.config / ANSWERS
        self._templates_path = settings.config / TEMPLATES_FOLDER
        self._later_paths = [settings.config / name for name in LATER]
        self._beside: set[Path] = set()
        contents = self._look()
        self.brands, self.policy, self.answers, self.templates = self._read(contents)
        self._in_force = self._with_secrets(contents)

    def _look(self) -> Contents:
        """The bytes of each file now; None for one that is missing or can't be read."""
        templates = sorted(self._templates_path.glob(f"*{TEMPLATE_SUFFIX}"))
        own = (self._brands_path, self._routes_path, self._answers_path, *templates)
        paths = (*own, *self._later_paths, *self._beside)
        return {path: _bytes_of(path) for path in paths}

    def _with_secrets(self, contents: Contents) -> Contents:
        """The contents with those secret files that became known only by reading them."""
        return {path: _bytes_of(path) for path in self._beside} | contents

    def _read(self, contents: Contents) -> Accepted:
        """Brands and policy of these contents; ConfigurationFaults with the faults of all files."""
        faults = [
            Fault(str(path), None, "", THIS_RELEASE, REFUSED_REMEDY) for path in self._later_paths if path.exists()
        ]
        faults += [
            Fault(str(short), None, "", "is not read under this name", f"rename it to {path.name}")
            for path in (self._brands_path, self._routes_path, self._answers_path)
            if (short := path.with_suffix(_SHORT_SUFFIX)).exists()
        ]
        brands: tuple[Brand, ...] = ()
        if not self._extra or self._brands_path.exists():
            document = _document(self._brands_path, contents, BRANDS_EXAMPLE)
            brands = brands_of(document, self._extra)
            faults.extend(document.faults)
        policy: Policy | None = default_policy(self._language)
        if self._routes_path.exists():
            document = _document(self._routes_path, contents, ROUTES_EXAMPLE)
            policy = policy_of(document, self._routes_path.parent, self._language)
            faults.extend(document.faults)
            self._beside |= document.beside
        answers: tuple[AnswerEntry, ...] = ()
        if self._answers_path.exists():
            document = _document(self._answers_path, contents, ANSWERS_EXAMPLE)
            answers = answers_of(document, (*brands, *self._extra))
            faults.extend(document.faults)
        templates = self._templates(contents, faults)
        if faults or policy is None:
            raise ConfigurationFaults(faults)
        return Accepted((*brands, *self._extra), policy, answers, templates)

    def _templates(self, contents: Contents, faults: list[Fault]) -> Templates:
        """The user's own templates, if any; `faults` gets what is wrong with them."""
        texts: dict[str, str] = {}
        for path, raw in contents.items():
            if path.parent == self._templates_path and raw is not None:
                try:
                    texts[path.name] = raw.decode("utf-8-sig")
                except UnicodeDecodeError:
                    faults.append(Fault(str(path), None, "", "is not UTF-8", "save the file as UTF-8"))
        templates = Templates(texts, self._templates_path)
        faults.extend(templates.faults())
        return templates

    async def watch(
        self,
        on_change: Callable[[], None],
        on_refused: Callable[[list[Fault]], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Look for changed files until cancelled: each is in force within 5 s, or refused and the old one kept.

        A file is read once two looks in a row find the same in it, so that one half written is not judged. A refusal
        is told once for each content. Reading happens in a thread: a long list of keywords must not hold up the loop.
        """
        judged = seen = self._in_force
        while True:
            await sleep(LOOK_EVERY_SECONDS)
            found = await asyncio.to_thread(self._look)
            settled, seen = found == seen, found
            if not settled or found == judged:
                continue
            if found == self._in_force:
                judged = found
                continue
            try:
                accepted = await asyncio.to_thread(self._accept, found)
            except ConfigurationFaults as error:
                judged = seen = self._with_secrets(found)
                on_refused(error.faults)
            else:
                self._in_force = judged = seen = self._with_secrets(found)
                self.brands, self.policy, self.answers, self.templates = accepted
                on_change()

    def _accept(self, found: Contents) -> Accepted:
        """Brands and policy of what was found; a file that was in force and is gone is refused."""
        gone = [
            Fault(str(path), None, "", "is gone; what it said stays in force", "put it back, or restart without it")
            for path in (self._brands_path, self._routes_path, self._answers_path)
            if self._in_force[path] is not None and not path.exists()
        ]
        if gone:
            raise ConfigurationFaults(gone)
        return self._read(found)


def load_all(
    options: dict[str, Any], extra_brands: Callable[[Settings, Policy | None], Sequence[Brand]]
) -> tuple[Settings, Files]:
    """Settings and files together, so that the faults of all are told at once.

    `extra_brands` says which brands of the program's own there are, given the settings and the policy; where these
    have faults it gets what could be read: the settings' defaults with the folder, None for the policy.
    """
    settings, layers = read_settings(options)
    faults = list(layers.faults)
    readable = settings or Settings(config=layers.folder)
    try:
        policy: Policy | None = load_routes(readable.config / ROUTES, readable)
    except ConfigurationFaults:
        policy = None  # told below, with the faults of the other files
    try:
        files = Files(readable, extra_brands(readable, policy))
    except ConfigurationFaults as error:
        raise ConfigurationFaults([*faults, *error.faults]) from None
    if settings is None:
        raise ConfigurationFaults(faults)
    return settings, files


def _document(path: Path, contents: Contents, example: str) -> Document:
    raw = contents[path]
    if raw is None:
        return read_document(path, example=example)
    document = Document(str(path))
    parse_document(document, raw, example=example)
    return document


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
