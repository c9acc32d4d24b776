"""`hikeshi check`: validates every file and reaches every service, and tells all faults at once."""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import click

from config.faults import ConfigurationFaults, Fault
from config.files import Files
from config.routes import Receiver
from config.settings import Settings
from schemas.errors import ConfigurationError, HikeshiError
from workers.cli.console_check import console_lines
from workers.cli.exit_status import DONE, FAILED, MEND, REFUSED
from workers.cli.house import check_prepared, enter_house, open_house, run_async
from workers.cli.loading import load
from workers.cli.named_brands import unknown_brands
from workers.cli.options import Options, common_options
from workers.cli.ordinary_words import ambiguous
from workers.cli.sample_alert import sample_alert
from workers.cli.source_choice import choose_source
from workers.cli.x_check import look_at_x
from workers.dispatcher.channels import AskableChannel, open_channel
from workers.dispatcher.channels.addresses import Address, address, notes
from workers.dispatcher.lease import switch
from workers.dispatcher.style import Style
from workers.incidents.change import to_millis
from workers.runtime.clock import SystemClock
from workers.runtime.folder import prepare_folder
from workers.runtime.http_client import open_http_client
from workers.stream.replay import ReplaySource

REACH_SECONDS: Final = 5.0


class Found(NamedTuple):
    """What one look at a service came to: a fault, or what is well."""

    place: str
    fault: str | None
    well: str = ""
    remedy: str = ""
    status: int = FAILED
    """Of the command, if there is a fault."""


@click.command()
@click.option("--send", metavar="RECEIVER", help="Send a test notification to this receiver; switches it on again.")
@common_options
def command(options: Options, send: str | None) -> int:
    """Validate every file and reach every service: log, store, receivers, X. Changes nothing, sends nothing.

    With a token of X it shows the rules that `brands.yaml` comes to, has X try them (a dry run), and says what they
    would cost by the last week's posts and which keyword is too broad. X bills one post for each rule that it counts:
    that goes on the bill of `hikeshi usage`, and is not done beyond your limits. A keyword that is an ordinary word, or
    found in some, is told without X.

    All faults are told at once, each as `file:line: field: fault; remedy`. Exit status 2 when something in the files
    or settings is wrong, 3 when X refuses the token or the rules, 1 when a service can't be reached, 0 when all is
    well.

    With `--send RECEIVER` it sends one notification, marked as a test, to see it arrive. That also switches on again a
    receiver that had answered 410 Gone.

    \b
    Examples:
      hikeshi check
      hikeshi check --send desk
    """
    faults: list[Fault] = []
    files: Files | None = None
    try:
        settings, files = load(options)
    except ConfigurationFaults as error:
        faults = error.faults
        try:
            settings = options.settings()
        except ConfigurationFaults:
            return _told(faults, [])
    if send is not None and files is not None:
        return run_async(_send(settings, files, send))
    return _told(faults, run_async(_look(settings, files)))


def _told(faults: list[Fault], found: list[Found]) -> int:
    for fault in faults:
        click.echo(str(fault), err=True)
    for one in found:
        if one.fault is None:
            click.echo(f"ok: {one.place}: {one.well}")
        else:
            click.echo(f"{one.place}: {one.fault}; {one.remedy}", err=True)
    if faults:
        return MEND
    return max((one.status for one in found if one.fault is not None), default=DONE)


async def _look(settings: Settings, files: Files | None) -> list[Found]:
    looks: list[Awaitable[Found]] = [_log_and_store(settings)]
    if files is not None:
        for warning in await asyncio.to_thread(ambiguous, files.brands):
            click.echo(f"warning: brands.yaml: {warning}")
        for unknown in unknown_brands(files.policy, (brand.id for brand in files.brands)):
            click.echo(f"warning: routes.yaml: {unknown}")
        looks.append(_source(settings, files))
        looks += [_receiver(receiver) for receiver in files.policy.receivers.values()]
    for line in console_lines(settings.console, files.policy if files is not None else None):
        click.echo(line)
    if settings.heartbeat.url is not None:
        looks.append(_address("heartbeat.url", settings.heartbeat.url.get_secret_value()))
    return list(await asyncio.gather(*looks))


async def _log_and_store(settings: Settings) -> Found:
    if settings.mode == "embedded":
        place = f"data: {settings.data}"
        try:
            prepare_folder(settings.data)
        except HikeshiError as error:
            status = MEND if isinstance(error, ConfigurationError) else FAILED  # a full disk is nobody's setting
            return Found(place, str(error), remedy="give another folder with --data or HIKESHI_DATA", status=status)
        return Found(place, None, "the embedded log and store can be written here")
    place = "kafka.bootstrap_servers and store.url"
    try:
        async with asyncio.timeout(2 * REACH_SECONDS), AsyncExitStack() as resources:
            house = await enter_house(settings, resources)
            await check_prepared(house.log, house.store)
    except (HikeshiError, TimeoutError) as error:
        return Found(
            place,
            str(error) or "no answer in time",
            remedy="check the addresses, or run `hikeshi init` if it is missing",
        )
    return Found(place, None, "Kafka and the store answer, topics and tables are there")


async def _source(settings: Settings, files: Files) -> Found:
    try:
        choice = choose_source(settings, files.policy)
        if choice.source == "replay" and settings.replay.file != "-":
            ReplaySource(settings.replay.file or "", settings.replay.speed, SystemClock())
    except ConfigurationError as error:
        return Found("source", str(error), remedy="or start `hikeshi run` with `--source`", status=MEND)
    if choice.source != "x":
        return Found("source", None, choice.source)
    told = await look_at_x(settings, files)
    for line in told.lines:
        click.echo(line)
    if told.failure is None:
        return Found("source", None, "x")
    refused = told.failure.kind == "refused"
    remedy = "look at the token, the plan and `brands.yaml`" if refused else "try again, or look at x.base_url"
    return Found("source x", told.failure.detail, remedy=remedy, status=REFUSED if refused else FAILED)


async def _receiver(receiver: Receiver) -> Found:
    place, about = f"receiver {receiver.name}", notes(receiver)
    where = address(receiver)
    if where is None:
        well = (
            "prints to the terminal" if receiver.kind == "console" else f"through {receiver.kind}: only --send can tell"
        )
        return Found(place, None, "; ".join(filter(None, (well, about))))
    found = await _listens(place, where)
    if found.fault is not None:
        return found
    async with open_http_client() as client:
        channel = open_channel(receiver, client, SystemClock())
        if isinstance(channel, AskableChannel):
            said = await channel.ask()
            if said.kind != "delivered":
                remedy, status = "look at its keys in routes.yaml", MEND if said.kind == "auth" else FAILED
                return Found(place, f"{receiver.kind} says {said.detail}", remedy=remedy, status=status)
    return found._replace(well=f"{found.well}; {about}")


async def _address(place: str, url: str) -> Found:
    """Whether something listens there. Nothing is sent: a GET of somebody's webhook may mean something to it."""
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return await _listens(place, Address(parts.hostname or "", parts.port or (443 if tls else 80), tls))


async def _listens(place: str, where: Address) -> Found:
    named = f"{where.host}:{where.port}"
    try:
        async with asyncio.timeout(REACH_SECONDS):
            _, writer = await asyncio.open_connection(where.host, where.port, ssl=where.tls or None)
            writer.close()
    except (OSError, TimeoutError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "no answer in time"
        return Found(place, f"{named} can't be reached ({why})", remedy="check the address and network")
    return Found(place, None, f"{named} answers")


async def _send(settings: Settings, files: Files, name: str) -> int:
    receiver = files.policy.receivers.get(name)
    if receiver is None:
        known = ", ".join(files.policy.receivers)
        raise ConfigurationError(f"--send: no receiver `{name}` in routes.yaml; there are: {known}")
    clock = SystemClock()
    async with open_http_client() as client:
        channel = open_channel(receiver, client, clock, lambda: files.templates)
        style = Style(files.policy.route.language, files.policy.route.timezone)
        key, body = sample_alert(name, receiver.kind, style.language, clock.now())
        result = await channel.send(key, body, style, None)
    if result.kind != "delivered":
        click.echo(f"receiver {name}: not delivered: {result.detail}", err=True)
        return FAILED
    click.echo(f"receiver {name}: delivered {result.detail}".rstrip())
    if receiver.kind in ("pagerduty", "alertmanager"):
        click.echo(f"receiver {name}: an alert is open there now: see that it reached somebody, then resolve it there")
    await _quietly_switch_on(settings, name)
    return DONE


async def _quietly_switch_on(settings: Settings, name: str) -> None:
    """A receiver that was off is on again; where nothing ever ran, there is nothing to switch."""
    try:
        async with open_house(settings) as house, house.store.write() as connection:
            await switch(connection, name, None, to_millis(SystemClock().now()))
    except HikeshiError as error:
        click.echo(f"receiver {name}: a switched-off receiver stays off: {error}", err=True)
