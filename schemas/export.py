"""Writes the messages' JSON Schemas beside their code: python -m schemas.export."""

import json
from pathlib import Path
from typing import Any

import msgspec

from schemas.mark import Mark
from schemas.mention import Mention

FOLDER = Path(__file__).parent


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> JSON Schema (2020-12). Unknown fields are allowed in every object: schemas grow."""
    (mention, mark), components = msgspec.json.schema_components([Mention, Mark], ref_template="#/$defs/{name}")
    definitions = dict(components)
    # A mark carries its mention's own bytes, which its struct leaves undecoded.
    definitions["Mark"]["properties"]["mention"] = mention
    return {
        "mention.v1.schema.json": _schema("A mention (topic hikeshi.mentions.v1)", mention, definitions, {"Mark"}),
        "mark.v1.schema.json": _schema("A mark (topic hikeshi.marks.v1)", mark, definitions, set()),
    }


def _schema(title: str, root: dict[str, Any], definitions: dict[str, Any], without: set[str]) -> dict[str, Any]:
    kept = {name: found for name, found in definitions.items() if name not in without}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **root, "$defs": kept}


def main() -> None:
    """Write them."""
    for name, schema in schemas().items():
        (FOLDER / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
