"""Tells ops what is wrong with the connection to X: the stream says what, the store has the way to them."""

from config.files import Files
from workers.cli.house import House
from workers.incidents.change import to_millis
from workers.incidents.ops import clear_ops, raise_ops
from workers.stream.x.concerns import Concern, Tell, Texts
from workers.x.keeper import whole


def ops_teller(house: House, files: Files) -> Tell:
    """Raises and clears alerts by the routes now in force."""

    async def tell(kind: Concern, texts: Texts | None) -> None:
        await whole(_write(kind, texts))

    async def _write(kind: Concern, texts: Texts | None) -> None:
        now = to_millis(house.clock.now())
        async with house.store.write() as connection:
            if texts is None:
                await clear_ops(connection, house.store.dialect, kind, now)
            else:
                await raise_ops(connection, house.store.dialect, files.policy, kind, texts, now)

    return tell
