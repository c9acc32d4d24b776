"""From a document's plain values to a checked model, each fault with its place and remedy."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from config.documents import Document, Place
from config.faults import suggestion
from config.refusals import REFUSAL

TAGS: Final = ("<word>", "<rule>", "<off>")  # of our unions: steps of pydantic's locations that no file has
THIS_RELEASE: Final = "this release does not act on it yet"
REFUSED_REMEDY: Final = "remove it, or run a release that does"


class Strict(BaseModel):
    """A part of a file: no unknown keys, nothing converted behind the writer's back, read-only afterwards.

    `not_yet` names the keys of later releases: refused, never ignored.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)
    not_yet: ClassVar[Mapping[str, str]] = {}


Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], value: Any, document: Document, place: Sequence[str | int] = ()) -> Model | None:
    """The model of a value at a place of the document; None where it has faults, which the document gets."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for details in distinct(error):
            location = (*place, *details["loc"])
            known = document.nearest(location)
            entry = document.entries.get(known)
            text = entry.text if entry else None
            fault, remedy = explain(details, model, text)
            shown = location if details["type"] == "missing" else known
            document.refuse(shown, fault, remedy)
        return None


def distinct(error: ValidationError) -> Iterator[ErrorDetails]:
    """The faults of a validation, one for each place: a union tells one for each of its branches."""
    seen: set[Place] = set()
    for details in error.errors(include_url=False):
        details["loc"] = tuple(step for step in details["loc"] if step not in TAGS)
        if details["loc"] not in seen:
            seen.add(details["loc"])
            yield details


def explain(details: ErrorDetails, model: type[BaseModel], text: str | None) -> tuple[str, str]:
    """Fault and remedy of one of pydantic's errors; `text` is the value as the user wrote it, if it is a single one."""
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    location = details["loc"]
    if is_secret(model, location):
        text = None
    if kind == REFUSAL:
        return str(context["fault"]), str(context["remedy"])
    if kind == "extra_forbidden":
        return _explain_unknown(str(location[-1]), owner_of(model, location))
    if kind == "missing":
        return "is missing", "add it" + _example(model, location)
    if kind in ("string_type", "path_type"):
        return _explain_not_text(value, text)
    if kind == "literal_error":
        names = [name.strip(" '") for name in str(context["expected"]).replace(" or ", ", ").split(",")]
        return f"{_shown(value, text)} is not known here", suggestion(str(text if text is not None else value), names)
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        # What stands where a block should is often the block's secret, so it is not shown.
        return f"must be a block of keys, not {_kind(value)}", "write it" + _example(model, location)
    expected = _EXPECTED.get(kind)
    if expected:
        return f"must be {expected}, not {_named(value, text)}", "write it" + _example(model, location)
    return details["msg"], "mend it" + _example(model, location)


_EXPECTED: Final = {
    "tuple_type": "a list",
    "list_type": "a list",
    "frozen_set_type": "a list",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
}


def _explain_unknown(key: str, owner: type[BaseModel]) -> tuple[str, str]:
    not_yet = owner.not_yet if issubclass(owner, Strict) else {}
    if key in not_yet:
        about = f" ({not_yet[key]})" if not_yet[key] else ""
        return f"{THIS_RELEASE}{about}", REFUSED_REMEDY
    return "unknown key", suggestion(key, names_of(owner))


def _explain_not_text(value: Any, text: str | None) -> tuple[str, str]:
    if value is None:
        return "is empty", "write text, in quotes where it could be read otherwise"
    if text is not None:
        return f"YAML reads {text} as {_kind(value)}, not as text", f'put it in quotes: "{text}"'
    return f"must be text, not {_kind(value)}", "write text, in quotes where it could be read otherwise"


_KINDS: Final = (
    ((bool,), "true or false"),
    ((int, float), "a number"),
    ((str,), "text"),
    ((list, tuple), "a list"),
    ((dict,), "a block of keys"),
)


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return next((name for types, name in _KINDS if isinstance(value, types)), "a date")


def _shown(value: Any, text: str | None) -> str:
    return repr(text if text is not None else value) if isinstance(value, str | int | float) else _kind(value)


def _named(value: Any, text: str | None) -> str:
    kind = _kind(value)
    return f"{kind} ({text})" if text else kind


def names_of(model: type[BaseModel]) -> list[str]:
    """The keys of a model as users write them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def owner_of(model: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel]:
    """The model that the last step of a location belongs to."""
    for step in location[:-1]:
        for name, field in model.model_fields.items():
            if step == (field.alias or name):
                model = _model_in(field.annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def is_secret(model: type[BaseModel], location: Sequence[str | int]) -> bool:
    """Whether a location holds a secret, whose value no message shows."""
    field = _field_at(model, location)
    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))


def _field_at(model: type[BaseModel], location: Sequence[str | int]) -> FieldInfo | None:
    owner = owner_of(model, location)
    found = (field for name, field in owner.model_fields.items() if location[-1] == (field.alias or name))
    return next(found, None) if location else None


def _example(model: type[BaseModel], location: Sequence[str | int]) -> str:
    field = _field_at(model, location)
    return f", for example `{location[-1]}: {field.examples[0]}`" if field and field.examples else ""
