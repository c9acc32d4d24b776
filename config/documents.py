"""Reading a YAML file into plain values, with the line of every key and entry, so that a fault can name it."""

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from config.faults import Fault

Place = tuple[str | int, ...]

# libyaml's loader is some ten times faster, which a file of 10,000 keywords shows; both say the same.
_Loader: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Ours: aliases can unfold a small file into any number of entries; no honest file comes near.
MOST_ENTRIES = 200_000
DEEPEST = 50  # ours: levels of nesting; our files need eight or so


class Entry(NamedTuple):
    """What stands at a place of the file: its line, and its text as written where it is a single value."""

    line: int
    text: str | None


class Document:
    """A file's values, where each stands, and the faults found in reading them."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.value: Any = None
        self.entries: dict[Place, Entry] = {}
        self.faults: list[Fault] = []
        self.beside: set[Path] = set()  # other files that were read for it, as secrets are

    def nearest(self, place: Sequence[str | int]) -> Place:
        """The longest beginning of a place that the file has."""
        known = tuple(place)
        while known and known not in self.entries:
            known = known[:-1]
        return known

    def line(self, place: Sequence[str | int]) -> int | None:
        """The line of a place, or of the nearest one that holds it."""
        entry = self.entries.get(self.nearest(place))
        return entry.line if entry else None

    def refuse(self, place: Sequence[str | int], fault: str, remedy: str) -> None:
        """Put down a fault at a place."""
        self.faults.append(Fault(self.file, self.line(place), field_name(place), fault, remedy))


def field_name(place: Sequence[str | int]) -> str:
    """A place as people read it: `brands[0].keywords[2]`."""
    name = ""
    for step in place:
        name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else step
    return name


def read_document(path: Path, *, example: str, may_hold_nothing: bool = False) -> Document:
    """Read a YAML file. What keeps it from being read is a fault in the result; `example` is the one to copy."""
    document = Document(str(path))
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        remedy = f"copy {example} there, name the right folder with --config, or try `--source sample`"
        document.refuse((), "the file is missing", remedy)
    except OSError as error:
        document.refuse((), f"can't be read: {error.strerror}", "mend its permissions or name another folder")
    else:
        parse_document(document, raw, example=example, may_hold_nothing=may_hold_nothing)
    return document


def parse_document(document: Document, raw: bytes, *, example: str, may_hold_nothing: bool = False) -> None:
    """Fill a document from a file's bytes; one of remarks alone is empty, unless it may hold nothing."""
    text = _decoded(document, raw)
    if text is None:
        return
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        _refuse_syntax(document, error)
        return
    except yaml.YAMLError:
        _refuse_character(document, text)
        return
    if root is None and may_hold_nothing and text.strip():
        document.value = {}
        return
    try:
        document.value = _Builder(document).build(root, ()) if root else None
    except _TooLargeError as error:
        document.refuse(error.place, "is nested too deeply, or aliases unfold too far", "write it out, without `*`")
    if document.value in (None, "") and not document.faults:
        document.value = None
        remedy = f"put back what stood there, or start from {example}"
        document.faults.append(Fault(document.file, 1, "", "the file is empty", remedy))


def _decoded(document: Document, raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        fault = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        document.faults.append(Fault(document.file, line, "", fault, "save the file as UTF-8"))
        return None


def _refuse_syntax(document: Document, error: yaml.MarkedYAMLError) -> None:
    """A bracket or a quote that is never closed is told where it was opened, anything else where it was noticed."""
    noticed, opened = error.problem_mark or error.context_mark, error.context_mark
    context = f" {error.context}" if error.context and error.problem else ""
    fault = f"YAML syntax: {error.problem or error.context or 'is not YAML'}{context}"
    line = noticed.line + 1 if noticed else None
    if noticed and opened and opened.line != noticed.line:
        if "quoted" in context or "flow" in context:
            line, fault = opened.line + 1, f"{fault} (noticed in line {noticed.line + 1})"
        else:
            fault += f" begun in line {opened.line + 1}"
    remedy = "mend the brackets, quotes or indentation; text with `: `, `#`, `@`, `*` or `%` in it needs quotes"
    document.faults.append(Fault(document.file, line, "", fault, remedy))


def _refuse_character(document: Document, text: str) -> None:
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    line = text.count("\n", 0, found.start()) + 1 if found else None
    character = f"the character U+{ord(found.group()):04X}" if found else "a character"
    document.faults.append(Fault(document.file, line, "", f"YAML does not allow {character}", "remove it"))


class _TooLargeError(Exception):
    def __init__(self, place: Place) -> None:
        self.place = place[:3]


class _Builder:
    """Turns YAML's nodes into plain values and notes where each stands."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.scalars = yaml.constructor.SafeConstructor()

    def build(self, node: yaml.Node, place: Place, line: int | None = None) -> Any:
        document = self.document
        own_line = node.start_mark.line + 1 if line is None else line
        text = node.value if isinstance(node, yaml.ScalarNode) else None
        document.entries[place] = Entry(own_line, text)
        if len(place) > DEEPEST or len(document.entries) > MOST_ENTRIES:
            raise _TooLargeError(place)
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, place))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _pairs(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.refuse(place, "a key must be text", "write `key: value`")
                continue
            key = key_node.value
            if key in seen:
                field = field_name((*place, key))
                fault = f"is given twice, first in line {seen[key]}"
                self.document.faults.append(Fault(self.document.file, line, field, fault, "keep one of the two"))
                continue
            seen[key] = line
            yield key, self.build(value_node, (*place, key), line)

    def _scalar(self, node: yaml.Node, place: Place) -> Hashable:
        try:
            value: Hashable = self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            kind = node.tag.removeprefix("tag:yaml.org,2002:")
            self.document.refuse(place, f"YAML takes it for a {kind} and can't read it", "put it in quotes")
            return None
        return value
