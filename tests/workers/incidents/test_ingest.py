"""A batch of marks into the store: posts once, incidents by root, counts, bursts, all in one transaction."""

import asyncio
from datetime import timedelta

import pytest

from schemas.errors import FencedError
from tests.workers.incidents.scene import START, Scene, arrival, at, ms
from workers.incidents import change
from workers.incidents.removal import remove
from workers.store import Store


async def test_a_complaint_opens_an_incident_and_schedules_the_first_notification(store: Store) -> None:
    scene = Scene(store)
    outcome = await scene.arrive(arrival(id="100", conversation_id="90"))
    assert (outcome.stored, [i.key for i, _ in outcome.opened]) == (1, ["acme/care/90"])
    incident = await scene.incident("acme/care/90")
    assert (incident.status, incident.kind, incident.post_count, incident.author_count) == ("firing", "complaint", 1, 1)
    assert await scene.pending(incident.id) == [("desk", "first", 30.0)]


async def test_the_same_marks_again_change_nothing(store: Store) -> None:
    scene = Scene(store)
    marks = [arrival(conversation_id="90"), arrival(kind="praise"), arrival(kind="neutral"), arrival()]
    await scene.arrive(*marks)
    before = await scene.rows("SELECT * FROM incidents ORDER BY key"), await scene.rows("SELECT * FROM minutes")
    outcome = await scene.arrive(*marks, now=at(5))
    assert (outcome.stored, outcome.opened) == (0, [])
    assert (
        await scene.rows("SELECT * FROM incidents ORDER BY key"),
        await scene.rows("SELECT * FROM minutes"),
    ) == before
    assert len(await scene.rows("SELECT * FROM posts")) == 4


async def test_another_owner_has_gone_on_and_nothing_of_the_batch_is_stored(store: Store) -> None:
    first, zombie = Scene(store), Scene(store)
    await first.arrive(arrival())
    with pytest.raises(FencedError):
        await zombie.arrive(arrival())
    assert len(await first.rows("SELECT * FROM posts")) == 1


@pytest.mark.parametrize(
    ("kind", "influence", "key"),
    [
        ("complaint", "none", "acme/care/90"),
        ("question", "influencer", "acme/care/90"),
        ("praise", "none", "acme/voice/90"),
        ("neutral", "none", None),
        ("promotion", "none", None),
        ("neutral", "influencer", None),  # no child route names that influence
        ("irrelevant", "influencer", None),
    ],
)
async def test_desks(store: Store, kind: str, influence: str, key: str | None) -> None:
    scene = Scene(store)
    await scene.arrive(arrival(kind=kind, influence=influence, conversation_id="90", severity="none"))
    assert list(await scene.incidents()) == ([key] if key else [])
    (post,) = await scene.rows("SELECT incident, reason FROM posts")
    assert post.reason
    assert (post.incident is None) == (key is None)


async def test_a_plain_retweet_is_spread_and_in_no_count(store: Store) -> None:
    scene = Scene(store)
    await scene.arrive(arrival(id="90"), *(arrival(retweet_of="90") for _ in range(3)))
    await scene.arrive(arrival(quote_of="90", text="これはひどい"))
    incident = await scene.incident("acme/care/90")
    assert (incident.post_count, incident.author_count) == (2, 2)
    assert [tuple(row) for row in await scene.rows("SELECT * FROM spread")] == [("acme", "90", 3, 1)]
    assert [row.complaint for row in await scene.rows("SELECT complaint FROM minutes")] == [2]


async def test_a_revision_raises_severity_but_not_the_count(store: Store) -> None:
    scene = Scene(store)
    await scene.arrive(arrival(id="100", severity="low", author="u1"))
    await scene.arrive(arrival(id="100", revision=1, severity="high", author="u1"), now=at(10))
    incident = await scene.incident("acme/care/100")
    assert (incident.post_count, incident.author_count, incident.severity) == (1, 1, 3)
    await scene.arrive(arrival(id="100", severity="critical", author="u1"), now=at(20))  # the older one again
    assert (await scene.incident("acme/care/100")).severity == 3


@pytest.mark.parametrize("in_one_batch", [True, False])
async def test_a_revision_moves_a_post_to_care_and_never_back(store: Store, in_one_batch: bool) -> None:
    scene = Scene(store)
    revisions = [
        arrival(id="100", kind="praise", severity="none", author="u1"),
        arrival(id="100", revision=1, kind="complaint", author="u1"),
        arrival(id="100", revision=2, kind="praise", severity="none", author="u1"),
    ]
    for batch in [revisions] if in_one_batch else [[r] for r in revisions]:
        await scene.arrive(*batch)
    assert await scene.incidents() == {"acme/care/100": "firing", "acme/voice/100": "resolved"}
    care = await scene.incident("acme/care/100")
    assert (care.post_count, care.kind) == (1, "complaint")
    (post,) = await scene.rows("SELECT kind, revision, incident, reason FROM posts")
    assert (post.kind, post.revision, post.incident) == ("praise", 2, care.id)


async def test_unknown_authors_count_as_one(store: Store) -> None:
    scene = Scene(store)
    await scene.arrive(*(arrival(author="", conversation_id="90") for _ in range(5)))
    incident = await scene.incident("acme/care/90")
    assert (incident.post_count, incident.author_count) == (5, 1)


class TestBurst:
    async def test_twenty_authors_in_ten_minutes_are_one_burst_that_takes_in_their_incidents(
        self, store: Store
    ) -> None:
        scene = Scene(store)
        for i in range(19):
            await scene.arrive(arrival(created=at(i * 10)), now=at(i * 10))
        assert set((await scene.incidents()).values()) == {"firing"}
        await scene.arrive(arrival(created=at(190)), now=at(190))
        statuses = await scene.incidents()
        assert statuses.pop("acme/care/burst") == "firing"
        assert list(statuses.values()) == ["merged"] * 20
        burst = await scene.incident("acme/care/burst")
        assert (burst.post_count, burst.author_count, burst.severity) == (20, 20, 3)
        assert await scene.pending(burst.id) == [("desk", "first", 190.0)]
        cancelled = await scene.rows("SELECT detail FROM outbox WHERE state = 'cancelled'")
        assert len(cancelled) == 19
        assert all("merged into the burst" in row.detail for row in cancelled)

    async def test_one_angry_author_makes_no_burst(self, store: Store) -> None:
        scene = Scene(store)
        await scene.arrive(*(arrival(author="angry", created=at(i)) for i in range(100)))
        assert "acme/care/burst" not in await scene.incidents()

    @pytest.mark.parametrize(("apart", "burns"), [(30, True), (31, True), (32, False)])
    async def test_ten_minutes_are_ten_minutes_wherever_in_a_minute_they_begin(
        self, store: Store, apart: int, burns: bool
    ) -> None:
        scene = Scene(store)
        await scene.arrive(arrival(created=at(50), late=True), arrival(created=at(51), kind="praise"))
        for i in range(20):
            await scene.arrive(arrival(created=at(45 + i * apart)), now=at(45 + i * apart))
        assert ("acme/care/burst" in await scene.incidents()) is burns

    async def test_it_needs_no_order(self, store: Store) -> None:
        scene = Scene(store)
        marks = [arrival(created=at(i * 20)) for i in range(25)]
        await scene.arrive(*marks[::-2])
        await scene.arrive(*marks[1::2][:5])
        await scene.arrive(*[m for m in marks if m not in marks[::-2] and m not in marks[1::2][:5]])
        burst = await scene.incident("acme/care/burst")
        assert (burst.post_count, burst.author_count) == (25, 25)

    async def test_critical_ones_and_influencers_stand_alone(self, store: Store) -> None:
        scene = Scene(store)
        await scene.arrive(
            *(arrival() for _ in range(20)),
            arrival(id="1", severity="critical"),
            arrival(id="2", influence="influencer"),
        )
        statuses = await scene.incidents()
        assert (statuses["acme/care/1"], statuses["acme/care/2"]) == ("firing", "firing")
        assert sorted(statuses.values()).count("merged") == 20

    async def test_a_merged_one_that_turns_critical_is_seen_by_itself(self, store: Store) -> None:
        scene = Scene(store)
        await scene.arrive(arrival(id="7"), *(arrival() for _ in range(20)))
        assert (await scene.incidents())["acme/care/7"] == "merged"
        await scene.arrive(arrival(conversation_id="7", severity="critical"), now=at(30))
        incident = await scene.incident("acme/care/7")
        assert (incident.status, incident.post_count, incident.merged_into) == ("firing", 2, None)
        assert await scene.pending(incident.id) == [("desk", "first", 30.0)]

    async def test_later_posts_stay_with_their_root_and_stay_merged(self, store: Store) -> None:
        scene = Scene(store)
        await scene.arrive(arrival(id="7"), *(arrival() for _ in range(20)))
        await scene.arrive(arrival(conversation_id="7"), now=at(30))
        incident = await scene.incident("acme/care/7")
        assert (incident.status, incident.post_count) == ("merged", 2)
        assert await scene.pending(incident.id) == []

    async def test_a_second_wave_flares_up_at_once(self, store: Store) -> None:
        scene = Scene(store)
        await scene.arrive(*(arrival() for _ in range(20)))
        burst = await scene.incident("acme/care/burst")
        await scene.told(burst, "desk", at(1))
        later = at(hours=2)
        await scene.arrive(*(arrival(created=later) for _ in range(20)), now=later)
        again = await scene.incident("acme/care/burst")
        assert (again.id, again.post_count, again.author_count, len(again.spans)) == (burst.id, 40, 40, 2)
        assert await scene.pending(burst.id) == [("desk", "new_posts", 7200.0)]

    async def test_plain_retweets_are_not_its_posts(self, store: Store) -> None:
        from workers.store.queries import incident_details

        scene = Scene(store)
        await scene.arrive(*(arrival(id=str(i)) for i in range(20)), *(arrival(retweet_of="1") for _ in range(30)))
        burst = await scene.incident("acme/care/burst")
        (shown,) = await incident_details(store, [burst.id])
        assert (burst.post_count, len(shown["posts"])) == (20, 20)

    async def test_a_flare_tells_what_it_takes_in(self, store: Store) -> None:
        """Complaints before the rule held again came before what the burst's receivers were told up to."""
        scene = Scene(store)
        await scene.arrive(*(arrival() for _ in range(20)))
        burst = await scene.incident("acme/care/burst")
        later = at(hours=2)
        await scene.arrive(*(arrival(created=later) for _ in range(19)), now=later)
        (last,) = await scene.rows("SELECT MAX(arrival) AS arrival FROM posts")
        await scene.told(burst, "desk", later)
        await scene.arrive(arrival(created=later), now=later)
        taken_in = await scene.rows("SELECT arrival FROM posts WHERE created_at = :at", at=ms(later))
        assert min(row.arrival for row in taken_in) > last.arrival

    async def test_a_recovered_old_post_opens_an_incident_but_no_burst(self, store: Store) -> None:
        scene = Scene(store)
        await scene.arrive(*(arrival(late=True) for _ in range(40)))
        assert "acme/care/burst" not in await scene.incidents()
        assert len(await scene.incidents()) == 40

    async def test_no_rule_no_burst(self, store: Store) -> None:
        scene = Scene(store)
        scene.rules = {"acme": None}
        await scene.arrive(*(arrival() for _ in range(40)))
        assert "acme/care/burst" not in await scene.incidents()


async def test_after_a_resolve_a_post_reopens_and_later_opens_a_new_one_with_the_same_key(store: Store) -> None:
    scene = Scene(store, reopen_within=timedelta(hours=1))
    await scene.arrive(arrival(id="90"))
    first = await scene.incident("acme/care/90")
    await scene.told(first, "desk", START)
    async with store.write() as connection:
        await change.resolve(
            connection, store.dialect, scene.policy, [first.id], by="mika", reason="answered", now=ms(at(60))
        )
    await scene.arrive(arrival(conversation_id="90"), now=at(minutes=30))
    again = await scene.incident("acme/care/90")
    assert (again.id, again.status, again.post_count) == (first.id, "firing", 2)
    async with store.write() as connection:
        await change.resolve(
            connection, store.dialect, scene.policy, [first.id], by="mika", reason="answered", now=ms(at(minutes=31))
        )
    await scene.arrive(arrival(conversation_id="90"), now=at(hours=3))
    new = await scene.incident("acme/care/90")
    assert (new.id != first.id, new.post_count) == (True, 1)


class TestRemoval:
    async def test_a_removed_post_is_gone_and_never_comes_back(self, store: Store) -> None:
        scene = Scene(store)
        mark = arrival("消してほしい", id="100")
        await scene.arrive(mark)
        await scene.arrive(removals=[("acme", "100")], now=at(10))
        assert await scene.rows("SELECT * FROM posts") == []
        assert await scene.incidents() == {"acme/care/100": "resolved"}
        again = await scene.arrive(mark, now=at(20))
        assert await scene.rows("SELECT * FROM posts") == []
        assert again.returned == [("acme", "100")]
        (incident,) = await scene.rows("SELECT reasons, post_count FROM incidents")
        assert ("消して" in incident.reasons, incident.post_count) == (False, 0)

    async def test_a_retweet_of_it_is_its_text_once_more(self, store: Store) -> None:
        scene = Scene(store)
        await scene.arrive(removals=[("acme", "100")])
        again = await scene.arrive(arrival(id="200", retweet_of="100"))
        assert (again.stored, again.returned) == (0, [("acme", "200")])

    async def test_a_bursts_counts_follow(self, store: Store) -> None:
        scene = Scene(store)
        await scene.arrive(*(arrival(id=str(i)) for i in range(100, 125)))
        await scene.arrive(removals=[("acme", "100"), ("acme", "101")])
        assert (await scene.incident("acme/care/burst")).post_count == 23

    async def test_the_rest_of_the_incident_stays(self, store: Store) -> None:
        scene = Scene(store)
        await scene.arrive(arrival(id="100", severity="high"), arrival("残る", conversation_id="100", severity="low"))
        await scene.arrive(removals=[("acme", "100")], now=at(10))
        incident = await scene.incident("acme/care/100")
        assert (incident.status, incident.post_count, incident.reasons) == ("firing", 1, ["says: 残る"])


async def test_who_removes_posts_and_who_stores_them_never_wait_in_a_circle(store: Store) -> None:
    """Both touch the same minute and the same burst; neither transaction is given up for the other's sake."""
    scene, ids = Scene(store), [str(1_000 + number) for number in range(400)]
    await scene.arrive(*(arrival(id=identity) for identity in ids))

    async def removing() -> None:
        for first in range(0, 200, 5):
            async with store.write() as connection:
                keys = [("acme", identity) for identity in ids[first : first + 5]]
                await remove(connection, store.dialect, keys, ms(START))

    async def storing() -> None:
        for number in range(20):
            revised = (arrival(id=identity, revision=number + 1) for identity in ids[200 + number :: 20])
            await scene.arrive(*revised, arrival())

    await asyncio.gather(removing(), storing())
    (left,) = await scene.rows("SELECT COUNT(*) AS posts FROM posts")
    assert (left.posts, (await scene.incident("acme/care/burst")).post_count) == (220, 220)
