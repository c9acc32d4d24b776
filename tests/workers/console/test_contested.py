"""A person's tap meets somebody else's locks in a circle: it is done, and the person hears nothing of it."""

import asyncio

import pytest
from sqlalchemy import text

from tests.workers.console.rig import ConsoleRig
from tests.workers.incidents.scene import arrival
from tests.workers.incidents.test_lock_order import until_it_waits
from workers.incidents import posts, records
from workers.store import Store


@pytest.mark.parametrize("store", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True)
async def test_a_deadlock_is_not_the_readers_business(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident(arrival("アクメ杯の優勝者は", id="90"))
    async with rig.browser() as browser:
        page = await browser.get(rig.link(incident))
        async with store.write() as other:
            # Whom PostgreSQL gives up is who looks first for a circle: after a second the tap, not this one.
            await other.execute(text("SET LOCAL deadlock_timeout = '20s'"))
            await records.lock(other, store.dialect, [incident])
            tap = asyncio.ensure_future(browser.tap(page, "not_relevant", name="Mika"))
            await until_it_waits(store, tap)
            await posts.hold_brands(other, store.dialect, ["acme"])  # which the tap holds, as it waits for the incident
        done = await tap
    assert (done.status, "Marked as not relevant." in done.text) == (200, True)
    assert (await rig.state(incident)).status == "resolved"
    assert len(await rig.scene.rows("SELECT id FROM lessons")) == 1
