"""`hikeshi`: finds the command, runs it, and turns our errors into one clear message and an exit status."""

import os
import sys
import traceback
from importlib import import_module
from typing import Final

import click

from schemas.errors import HikeshiError
from workers.cli.exit_status import FAILED, INTERRUPTED, status_of
from workers.cli.state import State

# Before numpy is loaded, which reads it once: our matrices are small, and threads that wait for each other cost the
# classifier half of a core for nothing. More cores: `--scale classifier=N`.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Each command with the module that holds it (as `command`) and its line in `hikeshi --help`. A module is imported only
# when its command runs: the program's own help must not wait for databases and brokers to load.
COMMANDS: Final = {
    "run": ("run", "Run every stage in one process: the way to start."),
    "worker": ("worker", "Run one stage against Kafka and PostgreSQL."),
    "init": ("init", "Create the topics and bring the store up to date."),
    "check": ("check", "Validate every file and reach every service."),
    "status": ("status", "Is it alive, is it behind?"),
    "posts": ("posts", "List the posts that were stored."),
    "incidents": ("incidents", "List, show, acknowledge, assign and resolve incidents."),
    "silence": ("silence", "Keep notifications back for a while: by brand, incident, author or phrase."),
    "dead-letters": ("dead_letters", "What could not be processed or delivered, and the way back."),
    "usage": ("usage", "What X has billed: posts and dollars, by day."),
    "classify": ("classify", "Classify texts, one JSON line each."),
    "explain": ("explain", "Say what would follow from posts, and why; sends nothing."),
    "backtest": ("backtest", "Measure the classifier, or a policy, on files of your own."),
    "topics": ("topics", "Create and list the topics."),
    "purge": ("purge", "Remove posts for good, everywhere."),
    "x-simulator": ("x_simulator", "Play X on this machine, for a try without an account."),
}


class Commands(click.Group):
    """The commands, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Their names, the most used first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"workers.cli.{COMMANDS[cmd_name][0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list in `--help`, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from workers.runtime.http_client import release

        click.echo(f"hikeshi {release()}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
def cli() -> None:
    """Hears complaints and influencers that name your brand on X, and alerts people until somebody has taken each.

    \b
    See it work, with posts of ours and an alert on this terminal:
      hikeshi run --source sample
    Read a file of posts, and end when everything is told:
      hikeshi run --source replay --file posts.jsonl --until-idle
    Look at what came of it:
      hikeshi incidents list

    Every command explains itself: hikeshi COMMAND --help

    \b
    Exit status: 0 done; 1 failed while running; 2 something for you to mend (usage, files, settings, a port or folder
    in use); 3 refused by X (token, plan, rules); 75 gave up, so that a supervisor starts it again.
    """


def main() -> None:
    """The program's entry."""
    state = State()
    sys.exit(_run(state))


def _run(state: State) -> int:
    try:
        status = cli.main(standalone_mode=False, prog_name="hikeshi", obj=state)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted; Python's own flush at exit must not complain either.
        sys.stdout = None
        return FAILED
    except HikeshiError as error:
        _say(state, error, str(error))
        return status_of(error)
    except Exception as error:  # noqa: BLE001  the outermost place: a person gets a sentence, not a stack
        text = f"unexpected {type(error).__name__}: {error}"
        _say(state, error, text if state.debug else f"{text}\nRun it again with --log-level debug to see where.")
        return FAILED
    return status if isinstance(status, int) else 0


def _say(state: State, error: BaseException, text: str) -> None:
    if state.debug:
        traceback.print_exception(error)
    click.echo(f"hikeshi: {text}", err=True)


if __name__ == "__main__":
    main()
