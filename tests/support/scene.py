"""A user's folder with configuration and data, and the program run in it as a person runs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.process import Process, run

BRANDS = """\
brands:
  - name: アクメ
    id: acme
    keywords: [Acme, アクメ]
    own: [acme_jp]
    languages: [ja, en]
    timezone: Asia/Tokyo
"""

TERMINAL = """\
receivers:
  - name: terminal
    console: {}
route:
  receivers: [terminal]
  group_wait: 0s
  group_interval: 1s
"""


def routes(webhook: str, *, secret: str = "", **route: str) -> str:
    """A `routes.yaml` that sends everything to one webhook `desk`, fast; more keys of the root route at will."""
    keys = {"group_wait": "500ms", "group_interval": "1s"} | route
    lines = "\n".join(f"  {name}: {value}" for name, value in keys.items())
    hook = f'{{url: "{webhook}"' + (f', secret: "{secret}"' if secret else "") + "}"
    return f"receivers:\n  - name: desk\n    webhook: {hook}\nroute:\n  receivers: [desk]\n{lines}\n"


class Scene:
    """`config/` and `data/` under one folder, and the settings that point the program to them."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder, self.config, self.data = folder, folder / "config", folder / "data"
        self.config.mkdir(parents=True, exist_ok=True)
        self.settings = {
            "HIKESHI_CONFIG": str(self.config),
            "HIKESHI_DATA": str(self.data),
            "HIKESHI_METRICS__PORT": "0",  # any free one: tests of other people run beside ours
            "HIKESHI_CONSOLE__PORT": "0",
            **(settings or {}),
        }
        self._runs = 0

    def write(self, name: str, text: str) -> Path:
        """Write a file of the configuration."""
        path = self.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def hikeshi(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        timeout_seconds: float = 90.0,
        settings: Mapping[str, str] | None = None,
    ) -> Process:
        """Run the program to its end; the caller looks at its exit status."""
        return run(
            *arguments,
            folder=self.folder,
            settings=self.settings | dict(settings or {}),
            stdin=stdin,
            timeout_seconds=timeout_seconds,
            name=self._next_name(),
        )

    def start(self, *arguments: str | Path, settings: Mapping[str, str] | None = None, **options: Any) -> Process:
        """Start the program and leave it running."""
        chosen = self.settings | dict(settings or {})
        return Process(arguments, folder=self.folder, settings=chosen, name=self._next_name(), **options)

    def replay(self, file: str | Path, *more: str, timeout_seconds: float = 90.0, status: int = 0) -> dict[str, Any]:
        """Replay a file until all is done; returns the summary, whose sums must agree."""
        arguments = ("run", "--source", "replay", "--file", file, "--until-idle", "--json", *more)
        done = self.hikeshi(*arguments, timeout_seconds=timeout_seconds)
        assert done.returncode == status, f"exit {done.returncode}:\n{done.stderr[-4000:]}"
        summary = done.summary
        counted = ("matched", "unmatched", "duplicates", "revisions", "other", "bad")
        assert summary["read"] == sum(summary[name] for name in counted), summary
        return summary

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """The JSON lines of a list command."""
        done = self.hikeshi(*arguments, "--json")
        assert done.returncode == 0, done.stderr[-4000:]
        return done.rows

    def posts(self) -> list[dict[str, Any]]:
        return self.rows("posts", "list")

    def incidents(self) -> list[dict[str, Any]]:
        """All of them, resolved and merged ones too, each with its posts and timeline."""
        listed = [row["id"] for row in self.rows("incidents", "list", "--all")]
        return self.rows("incidents", "show", *listed) if listed else []

    def _next_name(self) -> str:
        self._runs += 1
        return f"run-{self._runs:03}"


def roots(incidents: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Key -> post ids of the root incidents: what must not depend on order, log, or kills."""
    return {row["key"]: sorted(post["id"] for post in row["posts"]) for row in incidents if row["scope"] == "root"}
