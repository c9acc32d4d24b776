"""Templates of messages: ours in both languages, any part of which a file under `templates/` replaces. Sandboxed."""

import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateError, TemplateNotFound, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from config import words
from config.faults import Fault, suggestion
from config.template_sample import SAMPLES

FOLDER: Final = "templates"
SUFFIX: Final = ".j2"
LANGUAGES: Final = ("en", "ja")
# Which part is called with what: the alert, a post of it, a number, nothing.
PARTS: Final[Mapping[str, str]] = {
    "headline": "alert",
    "status": "alert",
    "facts": "alert",
    "why": "alert",
    "loud": "alert",
    "more": "alert",
    "answer": "alert",
    "command": "alert",
    "subject": "alert",
    "text": "alert",
    "html": "alert",
    "who": "post",
    "answered": "post",
    "left_out": "number",
    "removed": "",
}
# Whose parts a file may hold: `slack.ja.j2` those of Slack in Japanese, `base.ja.j2` those of all.
KINDS: Final = (
    "base", "slack", "pagerduty", "alertmanager", "email", "email_html", "discord", "teams", "line", "apprise",
)  # fmt: skip
LARGEST_PART: Final = 200_000  # ours, in characters: a template that loops must not fill our memory
_OURS: Final = Path(__file__).parent / "messages"
_NO_MACRO: Final = "write a part as a macro: `{% macro headline(a) %}…{% endmacro %}`; or remove the file"


class TemplateFaultError(Exception):
    """A part could not be rendered; the message says where and why."""

    def __init__(self, file: str, line: int | None, fault: str) -> None:
        self.file, self.line, self.fault = file, line, fault
        super().__init__(f"{file}:{line or 1}: {fault}")


class Templates:
    """Renders parts by name. `files`: the user's own, name → text; a part that none of them has is ours."""

    def __init__(self, files: Mapping[str, str] | None = None, folder: Path = Path(FOLDER)) -> None:
        self.files = dict(files or {})
        self._folder = folder
        self._environments = {language: _environment(language, _Files(self.files)) for language in LANGUAGES}

    def rendered(self, kind: str, language: str, name: str, *values: Any, **more: Any) -> tuple[str, str | None]:
        """A part's text, and what was wrong with the user's own where it failed and ours stands in."""
        try:
            return self.strictly(kind, language, name, *values, **more), None
        except TemplateFaultError as error:
            return built_in().strictly(kind, language, name, *values, **more), str(error)

    def strictly(self, kind: str, language: str, name: str, *values: Any, **more: Any) -> str:
        """A part's text; TemplateFaultError where its template fails."""
        environment = self._environments[language if language in LANGUAGES else "en"]

        def part(inner: str, *inner_values: Any) -> Any:
            return self._macro(environment, kind, language, inner, {"part": part, **more})(*inner_values)

        text = str(part(name, *values))
        if len(text) > LARGEST_PART:
            own = next((file for file in _names(kind, language) if file in self.files), f"{kind}{SUFFIX}")
            fault = f"{name} is longer than {LARGEST_PART} characters"
            raise TemplateFaultError(str(self._folder / own), None, fault)
        return text

    def _macro(
        self, environment: Environment, kind: str, language: str, name: str, values: dict[str, Any]
    ) -> Callable[..., Any]:
        """The part's macro: the user's for this kind, the user's for all, ours for this kind, ours for all."""
        own = [n for n in _names(kind, language) if n in self.files]
        for file in (*own, *(f"ours/{n}" for n in _names(kind, language))):
            try:
                template = environment.get_template(file)
            except TemplateNotFound:
                continue
            except TemplateError as error:
                raise self._fault(file, error) from error
            macro = self._guarded(file, _called)(template, name, values)
            if macro is not None:
                return self._guarded(file, macro)
        raise TemplateFaultError(f"{kind}.{language}{SUFFIX}", None, f"there is no part {name!r}")

    def _guarded(self, file: str, macro: Callable[..., Any]) -> Callable[..., Any]:
        def call(*values: Any) -> Any:
            try:
                return macro(*values)
            except TemplateFaultError:
                raise
            except Exception as error:  # what a user's expression may raise is anything
                raise self._fault(file, error) from error

        return call

    def _fault(self, file: str, error: Exception) -> TemplateFaultError:
        """With the line of the template: of a syntax error its own, else the innermost frame that is in one."""
        line = getattr(error, "lineno", None)
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.endswith(SUFFIX) and frame.lineno is not None:  # a line of what it was compiled to
                file = frame.filename
                line = self._environments["en"].get_template(file).get_corresponding_lineno(frame.lineno)
        shown = str(self._folder / file) if not file.startswith("ours/") else file
        return TemplateFaultError(shown, line, f"{_kind_of(error)}: {error}")

    def faults(self) -> Iterator[Fault]:
        """What is wrong with the user's files: names, syntax, and what fails with a sample of an alert."""
        for file, text in self.files.items():
            yield from self._faults_of(file, text)

    def _faults_of(self, file: str, text: str) -> Iterator[Fault]:
        path = str(self._folder / file)
        kind, language = _name_of(file)
        if kind not in KINDS or language not in (*LANGUAGES, None):
            known = [f"{kind}.ja{SUFFIX}" for kind in KINDS]
            yield Fault(path, None, "", "is no template's name", suggestion(file, known))
            return
        told: set[str] = set()
        environment = self._environments[language or "en"]
        try:
            names = _macros(environment, text)
        except TemplateError as error:
            yield _as_fault(self._fault(file, error))
            return
        if not names:
            yield Fault(path, None, "", "holds no part of a message", _NO_MACRO)
        for name, line in names.items():
            if name not in PARTS:
                yield Fault(path, line, name, "is no part of a message", suggestion(name, PARTS))
        for name in names.keys() & PARTS.keys():
            for spoken in (language,) if language else LANGUAGES:
                for sample in SAMPLES:
                    fault = self._tried(kind, spoken, name, sample)
                    if fault is not None and str(fault) not in told:
                        told.add(str(fault))
                        yield _as_fault(fault)

    def _tried(self, kind: str, language: str, name: str, sample: Mapping[str, Any]) -> TemplateFaultError | None:
        kinds_of = {"alert": [sample], "post": sample["posts"][:1], "number": [3], "": [None]}
        for value in kinds_of[PARTS[name]]:
            try:
                self.strictly(kind, language, name, *([] if PARTS[name] == "" else [value]), colour="#888888")
            except TemplateFaultError as fault:
                return fault
        return None


@cache
def built_in() -> Templates:
    """Ours alone."""
    return Templates()


class _Files(BaseLoader):
    """The user's files by their names, ours under `ours/`."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:  # noqa: ARG002
        if template in self._files:
            return self._files[template], template, lambda: True
        path = _OURS / template.removeprefix("ours/")
        if not template.startswith("ours/") or not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text("utf-8"), template, lambda: True


def _environment(language: str, loader: BaseLoader) -> Environment:
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and "html" in name,
        keep_trailing_newline=False,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.globals.update(
        language=language,
        reasons=words.REASONS[language],
        kinds=words.KINDS[language],
        severities=words.SEVERITIES[language],
        statuses=words.STATUSES[language],
        influences=words.INFLUENCES[language],
        labels=words.LABELS[language],
    )
    return environment


def _names(kind: str, language: str) -> tuple[str, ...]:
    """The files that may hold a part, the nearest first."""
    spoken = language if language in LANGUAGES else "en"
    return (f"{kind}.{spoken}{SUFFIX}", f"{kind}{SUFFIX}", f"base.{spoken}{SUFFIX}", f"base{SUFFIX}")


def _name_of(file: str) -> tuple[str, str | None]:
    stem = file.removesuffix(SUFFIX)
    kind, _, language = stem.partition(".")
    return kind, language or None


def _called(template: Template, name: str, values: dict[str, Any]) -> Callable[..., Any] | None:
    macro = getattr(template.make_module(values), name, None)
    return macro if callable(macro) else None


def _macros(environment: Environment, text: str) -> dict[str, int]:
    """The macros of a template with their lines; TemplateError where it isn't one."""
    environment.compile(text)
    return {node.name: node.lineno for node in environment.parse(text).find_all(nodes.Macro)}


def _kind_of(error: Exception) -> str:
    return "syntax" if isinstance(error, TemplateError) and hasattr(error, "lineno") else "can't be filled in"


def _as_fault(error: TemplateFaultError) -> Fault:
    return Fault(error.file, error.line, "", error.fault, "mend it, or remove the file: ours is taken then")
