"""Where settings come from: options, the environment, `.env`, `settings.yaml`; and the place of each, for faults."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar, get_args

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource

from config.documents import Document, Place, field_name, read_document
from config.faults import Fault, suggestion
from config.secrets import read_secret
from config.validation import REFUSED_REMEDY, THIS_RELEASE, Strict, distinct, explain

PREFIX: Final = "HIKESHI_"
FILE = "settings.yaml"
EXAMPLE = "config/settings.example.yaml"

Tree = TypeVar("Tree", bound=BaseSettings)


class Variable(NamedTuple):
    """A variable's value, and where it was set."""

    value: str
    file: str
    line: int | None
    name: str


@dataclass
class Layers(Generic[Tree]):
    """The values of every layer by place, the first layer winning, and the faults found."""

    tree: type[Tree]
    given: Mapping[str, Any]
    environment: Mapping[Place, Variable]
    dotenv: Mapping[Place, Variable]
    folder: Path
    document: Document
    faults: list[Fault] = field(default_factory=list)

    def build(self) -> Tree | None:
        """The settings, or None where they have faults."""
        sources = (
            InitSettingsSource(self.tree, dict(self.given)),
            _Variables(self.tree, self.environment),
            _Variables(self.tree, self.dotenv),
            InitSettingsSource(self.tree, self.document.value or {}),
        )
        try:
            return self.tree(_build_sources=(sources, {}))
        except ValidationError as error:
            for details in distinct(error):
                place = details["loc"]
                self.refuse(place, *explain(details, self.tree, self._text(place)))
            return None

    def _text(self, place: Place) -> str | None:
        """The value in force as it was written, where it was written as text."""
        if self._is_given(place):
            return None
        variable = self.environment.get(place) or self.dotenv.get(place)
        if variable:
            return variable.value
        entry = self.document.entries.get(self.document.nearest(place))
        return entry.text if entry else None

    def refuse(self, place: Place, fault: str, remedy: str) -> None:
        """Put down a fault where the value in force was set."""
        variable = self.environment.get(place) or self.dotenv.get(place)
        if self._is_given(place):
            self.faults.append(Fault("options", None, f"--{place[-1]}", fault, remedy))
        elif variable:
            self.faults.append(Fault(variable.file, variable.line, variable.name, fault, remedy))
        else:
            self.faults.append(Fault(self.document.file, self.document.line(place), field_name(place), fault, remedy))

    def _is_given(self, place: Place) -> bool:
        value: Any = self.given
        for step in place:
            if not isinstance(value, Mapping) or step not in value:
                return False
            value = value[step]
        return bool(place)


class _Variables(EnvSettingsSource):
    """Variables that were read and checked before, for pydantic-settings to put into the tree."""

    def __init__(self, tree: type[BaseSettings], variables: Mapping[Place, Variable]) -> None:
        super().__init__(tree)
        self.env_vars = {_name(place).lower(): variable.value for place, variable in variables.items()}


def read_layers(tree: type[Tree], options: Mapping[str, Any]) -> Layers[Tree]:
    """Read every layer. What is wrong with a name, a secret file or the syntax is among the faults."""
    places = dict(_places(tree))
    given = _said(options)
    faults: list[Fault] = []
    reader = _VariableReader(tree, places, faults)
    environment = reader.checked(Variable(value, "environment", None, name) for name, value in os.environ.items())
    dotenv = reader.checked(_dotenv(Path(".env"), faults))
    folder = given.get("config")
    if folder is None:
        named = environment.get(("config",)) or dotenv.get(("config",))
        folder = named.value if named else tree.model_fields["config"].default
    elif not Path(folder).is_dir():
        faults.append(
            Fault("options", None, "--config", f"there is no folder {folder}", "name the one with brands.yaml")
        )
    folder = Path(folder)
    document = _read_file(folder, places)
    faults.extend(document.faults)
    return Layers(tree, given, environment, dotenv, folder, document, faults)


def _said(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that say something: those that are None, and blocks of such, are left out."""
    said = {name: _said(value) if isinstance(value, dict) else value for name, value in options.items()}
    return {name: value for name, value in said.items() if value is not None and value != {}}


def _places(model: type[BaseModel], place: Place = ()) -> Iterator[tuple[Place, bool]]:
    """The place of every setting, and whether it is a secret."""
    for name, about in model.model_fields.items():
        annotation = about.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _places(annotation, (*place, name))
        else:
            yield (*place, name), SecretStr in (annotation, *get_args(annotation))


def secret_places(tree: type[BaseSettings]) -> list[Place]:
    """The settings that may also stand in a file of their own."""
    return [place for place, secret in _places(tree) if secret]


def _name(place: Place) -> str:
    return PREFIX + "__".join(str(step) for step in place).upper()


class _VariableReader:
    """Checks the names of variables with our prefix and reads secrets that stand in files."""

    def __init__(self, tree: type[BaseSettings], places: Mapping[Place, bool], faults: list[Fault]) -> None:
        self.faults = faults
        self.names = {_name(place): place for place in places}
        self.file_names = {f"{_name(place)}_FILE": place for place, secret in places.items() if secret}
        self.later = {
            _name((part, key))
            for part, about in tree.model_fields.items()
            if isinstance(about.annotation, type) and issubclass(about.annotation, Strict)
            for key in about.annotation.not_yet
        }

    def checked(self, variables: Iterator[Variable]) -> dict[Place, Variable]:
        found: dict[Place, Variable] = {}
        for variable in variables:
            name = variable.name.upper()
            if not name.startswith(PREFIX):
                continue
            place = self.names.get(name) or self.file_names.get(name)
            if place is None:
                self._refuse_name(variable, name)
            elif not variable.value:
                continue  # as Compose passes what is not set
            elif place in found:
                self._refuse(variable, f"stands beside {found[place].name}", "keep one of the two")
            elif name in self.file_names:
                self._read_secret(found, place, variable)
            else:
                found[place] = variable
        return found

    def _refuse_name(self, variable: Variable, name: str) -> None:
        if name in self.later:
            self._refuse(variable, THIS_RELEASE, REFUSED_REMEDY)
            return
        inside = [known for known in self.names if known.startswith(f"{name}__")]
        remedy = suggestion("", inside) if inside else suggestion(name, [*self.names, *self.file_names])
        self._refuse(variable, "unknown setting", remedy)

    def _refuse(self, variable: Variable, fault: str, remedy: str) -> None:
        self.faults.append(Fault(variable.file, variable.line, variable.name, fault, remedy))

    def _read_secret(self, found: dict[Place, Variable], place: Place, variable: Variable) -> None:
        try:
            found[place] = variable._replace(value=read_secret(Path(variable.value)))
        except PydanticCustomError as error:
            context = error.context or {}
            self._refuse(variable, context["fault"], context["remedy"])


def _dotenv(path: Path, faults: list[Fault]) -> Iterator[Variable]:
    """The variables of a `.env`, none where there is no such file."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        faults.append(Fault(str(path), None, "", f"can't be read: {why}", "mend the file, or remove it"))
        return
    values = dotenv_values(stream=StringIO(text))
    lines = {}
    for binding in parse_stream(StringIO(text)):
        written = binding.original.string  # with the empty lines before it
        line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        if binding.key is not None:
            lines[binding.key] = line
        elif binding.error:
            fault = "can't be understood"
            faults.append(Fault(str(path), line, "", fault, "write NAME=value, or `#` and a remark"))
    for name, value in values.items():
        yield Variable(value or "", str(path), lines.get(name), name)


def _read_file(folder: Path, places: Mapping[Place, bool]) -> Document:
    path = folder / FILE
    if not path.exists():
        return Document(str(path))
    document = read_document(path, example=EXAMPLE, may_hold_nothing=True)
    if document.value is None:
        return document
    if not isinstance(document.value, dict):
        document.refuse((), "must be a block of keys", f"start from {EXAMPLE}")
        document.value = None
        return document
    if "config" in document.value:
        document.refuse(("config",), "can't be set in a file of that folder", f"set {PREFIX}CONFIG or use --config")
        del document.value["config"]
    for place, secret in places.items():
        if secret:
            _secret_from_file(document, place, folder)
    return document


def _secret_from_file(document: Document, place: Place, folder: Path) -> None:
    """Put the secret that `<key>_file` names in the place of `<key>`; a relative name is from the folder on."""
    part, key = document.value.get(place[0]), str(place[-1])
    file_key = f"{key}_file"
    if not isinstance(part, dict) or file_key not in part:
        return
    name = part.pop(file_key)
    here = (*place[:-1], file_key)
    if part.get(key) is not None:
        document.refuse(here, f"stands beside `{key}`", "keep one of the two")
    elif not isinstance(name, str):
        document.refuse(here, "is not the name of a file", "write the file's name, in quotes")
    else:
        try:
            part[key] = read_secret(folder / name)
        except PydanticCustomError as error:
            context = error.context or {}
            document.refuse(here, context["fault"], context["remedy"])
