"""Which source a command reads: the contract's rules, pure."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from config.brands import Brand
from config.routes import Policy
from config.settings import Settings
from schemas.errors import ConfigurationError
from workers.stream.sample import sample_brand

SourceName = Literal["x", "sample", "replay"]

_NO_TOKEN: Final = "`--source x` needs the token of your app at X: set HIKESHI_X__BEARER_TOKEN"  # noqa: S105  a sentence


class Choice(NamedTuple):
    """The source, and what the user should know about the choice."""

    source: SourceName
    notice: str | None = None


def choose_source(settings: Settings, policy: Policy | None, *, until_idle: bool = False) -> Choice:
    """The source, or ConfigurationError with the remedies.

    `policy` is None for a `worker`, which never falls back to the sample.
    """
    asked = settings.source
    if asked == "x" or (asked is None and settings.replay.file is None and settings.x.bearer_token is not None):
        return _x(settings, until_idle)
    if asked == "sample" and settings.replay.file is not None:
        raise ConfigurationError("a file (--file, HIKESHI_REPLAY__FILE) is read by `--source replay`, not by `sample`")
    if asked == "replay" and settings.replay.file is None:
        raise ConfigurationError("`--source replay` needs `--file FILE`, or `--file -` for standard input")
    if asked is not None:
        return Choice(asked)
    if settings.replay.file is not None:
        return Choice("replay")
    return _fallback(settings, policy)


def _x(settings: Settings, until_idle: bool) -> Choice:
    if until_idle:
        raise ConfigurationError("--until-idle needs a source that ends: `--source replay` or `--source sample`")
    if settings.x.bearer_token is None:
        raise ConfigurationError(_NO_TOKEN)
    if settings.replay.file is not None:
        raise ConfigurationError("a file (--file, HIKESHI_REPLAY__FILE) is read by `--source replay`, not by `x`")
    return Choice("x")


def _fallback(settings: Settings, policy: Policy | None) -> Choice:
    told = [] if policy is None else [name for name, receiver in policy.receivers.items() if receiver.kind != "console"]
    if policy is None or told or settings.mode == "kafka":
        because = f" (receiver {told[0]} is configured, and posts of ours are not for it unasked)" if told else ""
        raise ConfigurationError(
            f"there is no source of posts{because}: set HIKESHI_X__BEARER_TOKEN to "
            "connect to X, or ask for posts of ours with `--source sample`, or for a file with `--source replay --file`"
        )
    return Choice(
        "sample",
        "No source is configured, so this shows posts of ours about a brand of ours (--source sample). "
        "Your own: --source replay --file FILE",
    )


def extra_brands(settings: Settings, policy: Policy | None, stage: str | None) -> Sequence[Brand]:
    """The sample's own brand, where its posts may come by.

    `run` and `worker stream` know their source. The other stages don't (they read topics), so they always know the
    sample's brand, and need no `brands.yaml` beside it.
    """
    if stage in (None, "stream"):
        try:
            choice = choose_source(settings, policy if stage is None else None)
        except ConfigurationError:
            return ()  # told once the files are read
        if choice.source != "sample":
            return ()
    return (sample_brand(),)
