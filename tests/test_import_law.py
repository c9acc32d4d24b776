"""Who may import whom: the design's layout, read from the source of every module."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHARED = {"workers.log", "workers.runtime", "workers.store", "workers.incidents", "workers.x"}
STAGES = {"workers.stream", "workers.classifier", "workers.dispatcher", "workers.steward", "workers.console"}
APART = {"workers.simulator"}  # stands for X: nothing of ours may know it but the command line, which starts it
TOP = {"workers.cli"}  # starts the stages, so it alone knows all
ALLOWED: dict[str, set[str]] = {
    "schemas": set(),
    "config": {"schemas"},
    **{shared: {"schemas", "config"} | SHARED for shared in SHARED},
    **{stage: {"schemas", "config"} | SHARED for stage in STAGES},
    **{apart: {"workers.runtime"} for apart in APART},
    **{top: {"schemas", "config"} | SHARED | STAGES | APART for top in TOP},
}


def part_of(module: str) -> str | None:
    """The part a module belongs to: `schemas`, `config`, `workers.<package>`; None for what is not ours."""
    names = module.split(".")
    if names[0] in {"schemas", "config", "tests"}:
        return names[0]
    return ".".join(names[:2]) if names[0] == "workers" else None


def imports(source: str, module: str, *, package: bool) -> Iterator[str]:
    """Every module this source imports, wherever in it, relative ones resolved; of a `from`, each name too."""
    parent = module if package else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parent.rsplit(".", node.level - 1)[0] if node.level else ""
            origin = ".".join(filter(None, (base, node.module or "")))
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def edges() -> Iterator[tuple[str, str, Path]]:
    """Each import of ours from one part to another, with its file."""
    for top in ("schemas", "config", "workers"):
        for path in sorted((ROOT / top).rglob("*.py")):
            relative = path.relative_to(ROOT)
            package = path.name == "__init__.py"
            module = ".".join((relative.parent if package else relative.with_suffix("")).parts)
            here = part_of(module)
            for imported in imports(path.read_text(encoding="utf-8"), module, package=package):
                there = part_of(imported)
                if here and there and there not in {here, "workers"} and here != "workers":
                    yield here, there, relative


def test_every_package_of_workers_is_a_stage_or_shared() -> None:
    found = {f"workers.{path.parent.name}" for path in (ROOT / "workers").glob("*/__init__.py")}
    assert found <= SHARED | STAGES | APART | TOP, "say in this file what the new package may import"


def test_no_part_imports_what_it_may_not() -> None:
    wrong = [f"{path}: {here} imports {there}" for here, there, path in edges() if there not in ALLOWED[here]]
    assert not wrong, "\n".join(wrong)


def test_the_shared_parts_have_no_cycle() -> None:
    graph: dict[str, set[str]] = {part: set() for part in SHARED}
    for here, there, _ in edges():
        if here in SHARED and there in SHARED:
            graph[here].add(there)
    while graph:
        leaves = {part for part, needs in graph.items() if not needs}
        assert leaves, f"these import each other in a circle: {graph}"
        graph = {part: needs - leaves for part, needs in graph.items() if part not in leaves}


def test_imports_are_found_wherever_they_hide() -> None:
    source = "def f():\n from workers import stream\n from ..log import contract\n import workers.cli.main\n"
    found = {part_of(name) for name in imports(source, "workers.dispatcher.worker", package=False)}
    assert found == {"workers.stream", "workers.log", "workers.cli"}
