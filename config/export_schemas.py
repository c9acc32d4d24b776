"""Writes the JSON Schemas of our files beside them, for editors: `python -m config.export_schemas`."""

import json
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from config.answers import AnswerEntry
from config.brands import Brand
from config.escalations_file import RotaEntry, StepEntry
from config.layers import secret_places
from config.mutes_file import CampaignEntry, DrillEntry, InhibitEntry
from config.ops_route import OpsEntry
from config.receivers import ReceiverEntry
from config.routes_file import RouteEntry
from config.settings import Settings
from config.times_file import DuringEntry
from config.validation import Strict

FOLDER: Final = Path(__file__).parent
_SOME: Final = Field(min_length=1)
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _BrandsFile(Strict):
    """The brands that are listened for."""

    brands: tuple[Brand, ...] = Field(min_length=1)


class _AnswersFile(Strict):
    """The team's own answers by situation."""

    answers: tuple[AnswerEntry, ...] = Field(min_length=1)


class _RoutesFile(Strict):
    """Who is told of which incident, and when."""

    receivers: tuple[ReceiverEntry, ...] = Field(min_length=1)
    route: RouteEntry
    ops: OpsEntry | None = None
    times: Annotated[dict[str, DuringEntry | Annotated[tuple[DuringEntry, ...], Field(min_length=1)]] | None, _SOME] = (
        None
    )
    """Times by name, for `during` and quiet hours; of a list, any may hold."""
    rotas: Annotated[dict[str, RotaEntry] | None, _SOME] = None
    """Receivers who take turns, by name."""
    escalations: Annotated[dict[str, Annotated[tuple[StepEntry, ...], Field(min_length=1)]] | None, _SOME] = None
    """Steps by name: who is told one after the other until somebody has taken the incident."""
    campaigns: Annotated[tuple[CampaignEntry, ...] | None, _SOME] = None
    """Times in which so much is expected that nobody needs to be told."""
    inhibit: Annotated[tuple[InhibitEntry, ...] | None, _SOME] = None
    """Which incidents are kept back while another is open."""
    drills: Annotated[tuple[DrillEntry, ...] | None, _SOME] = None
    """Test pages that somebody is to acknowledge."""


def schemas() -> dict[str, dict[str, Any]]:
    """Each file's schema by the name of the schema's file."""
    settings = Settings.model_json_schema()
    del settings["properties"]["config"]  # a file of that folder can't say which folder
    for part, key in secret_places(Settings):
        owner = settings["$defs"][settings["properties"][part]["$ref"].rpartition("/")[2]]
        owner["properties"][f"{key}_file"] = {"type": "string", "description": f"A file that holds the {key} alone."}
    found = {
        "answers": _AnswersFile.model_json_schema(),
        "brands": _BrandsFile.model_json_schema(),
        "routes": _RoutesFile.model_json_schema(by_alias=True),
        "settings": settings,
    }
    return {f"{name}.schema.json": {"$schema": DIALECT, **_plain(schema)} for name, schema in found.items()}


def _plain(schema: Any) -> Any:
    """The schema without what says nothing to an editor: titles made of names, and defaults that are not set."""
    if isinstance(schema, list):
        return [_plain(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: value
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and (value in (None, "") or isinstance(value, dict)))
    }
    return {key: _plain(value) for key, value in kept.items()}


def rendered() -> dict[Path, str]:
    """The text of each schema's file."""
    return {
        FOLDER / name: json.dumps(schema, ensure_ascii=False, indent=2) + "\n" for name, schema in schemas().items()
    }


if __name__ == "__main__":
    for path, text in rendered().items():
        path.write_text(text, "utf-8")
