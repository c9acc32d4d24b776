"""What `check` says of the console's address and of who is told of trouble."""

from dataclasses import replace

import pytest

from config.routes import default_policy
from config.settings import ConsoleSettings
from workers.cli.console_check import console_lines


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (None, "hold no links"),
        ("https://a.example", "lead to https://a.example"),
        ("http://127.0.0.1:8642", "lead to"),
        ("http://[::1]:8642", "lead to"),
        ("http://localhost:8642", "lead to"),
        ("http://10.0.0.5:8642", "warning: console.public_url"),
        ("http://a.example", "warning: console.public_url"),
    ],
)
def test_the_address(url: str | None, said: str) -> None:
    last = list(console_lines(ConsoleSettings(public_url=url), None))[-1]
    assert said in last
    assert last.startswith("warning") == said.startswith("warning")


@pytest.mark.parametrize(("secret", "warned"), [(None, False), ("x" * 16, False), ("x" * 15, True)])
def test_a_secret_that_can_be_guessed(secret: str | None, warned: bool) -> None:
    told = list(console_lines(ConsoleSettings(secret=secret), None))  # type: ignore[arg-type]
    assert any(line.startswith("warning: console.secret") for line in told) == warned


def test_who_is_told_of_trouble() -> None:
    policy = default_policy()
    *_, nobody = console_lines(ConsoleSettings(), policy)
    assert nobody.startswith("warning: routes.yaml: nobody is told")
    *_, told = console_lines(ConsoleSettings(), replace(policy, ops=("console",)))
    assert told == "ok: ops: console"
