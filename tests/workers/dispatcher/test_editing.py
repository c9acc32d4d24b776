"""What was sent is changed in place: taken, resolved, a post gone; new posts hang on the first message."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.channels import AlertmanagerEntry, DiscordEntry, PagerDutyEntry, SlackEntry
from config.receiver import ProviderPace
from config.routes import Receiver, Throttle
from schemas.mention import rfc3339
from tests.support.providers import pagerduty as pagerduty_fake
from tests.support.providers import slack as slack_fake
from tests.support.providers.alertmanager import Alertmanager
from tests.support.providers.base import Refusal
from tests.support.providers.discord import Discord
from tests.support.providers.pagerduty import PagerDuty
from tests.support.providers.slack import Slack, as_text
from tests.workers.dispatcher.channels.alerts import entry
from tests.workers.dispatcher.rig import Rig, policy
from tests.workers.incidents.scene import arrival
from workers.dispatcher.channels.slack import SlackChannel
from workers.dispatcher.channels.tools import Ref
from workers.dispatcher.editing import BASE_SECONDS, GIVE_UP_AFTER, After, after
from workers.dispatcher.outcome import Result
from workers.dispatcher.style import Style
from workers.incidents import change
from workers.incidents.change import to_millis
from workers.incidents.removal import remove
from workers.store import Store


def slack(there: Slack, name: str = "desk") -> Receiver:
    keys = {"channel": "C0123456789", "token": slack_fake.TOKEN, "app_token": slack_fake.APP_TOKEN}
    return Receiver(name, "slack", settings=entry(SlackEntry, url=f"{there.url}/api", **keys))


def now_ish() -> datetime:
    return datetime.now(UTC)


async def changed(rig: Rig, action: Any, incident: str, **more: Any) -> None:
    """Somebody changes the incident."""
    now = to_millis(rig.clock.now())
    async with rig.store.write() as connection:
        await action(connection, rig.store.dialect, rig.files.policy, [incident], by="slack:mika", now=now, **more)
    rig.delivery.wake()


async def the_incident(rig: Rig) -> str:
    return str((await rig.rows("SELECT id FROM incidents"))[0].id)


def shown(there: Slack) -> str:
    """The incident's own message as it stands."""
    (main,) = (message for message in there.messages.values() if "thread_ts" not in message)
    return as_text(main)


class TestSlack:
    async def test_one_message_an_incident_edited_as_it_changes(self, store: Store) -> None:
        async with Slack() as there:
            rig = Rig(store, policy(slack(there), language="ja", timezone="Asia/Tokyo"))
            async with rig.running():
                await rig.arrive(arrival("充電器が壊れた🔥", id="90", severity="high", created=now_ish()))
                await rig.until(lambda: there.messages)
                assert "充電器が壊れた🔥" in shown(there)
                assert "まだ誰も引き受けていません" in shown(there)
                await rig.until(lambda: rig.state("sent"))

                await rig.arrive(arrival("うちもだ", id="91", conversation_id="90", created=now_ish()))
                await rig.move(301)
                await rig.until(lambda: len(there.messages) == 2)
                await rig.until(lambda: "投稿2件" in shown(there))
                (reply,) = (message for message in there.messages.values() if "thread_ts" in message)
                assert "うちもだ" in as_text(reply)
                assert "reply_broadcast" not in reply

                incident = await the_incident(rig)
                await changed(rig, change.acknowledge, incident, reason="")
                await rig.until(lambda: "slack:mikaさんが対応中" in shown(there))
                assert "[引き受ける]" not in shown(there)
                assert "対応中" in shown(there).splitlines()[0]
                await changed(rig, change.assign, incident, to="kenji", reason="")
                await rig.until(lambda: "担当：kenji" in shown(there))
                await changed(rig, change.resolve, incident, reason="")
                await rig.until(lambda: "解決しました" in shown(there))
                assert "[解決]" not in shown(there)
                assert len(there.messages) == 3  # told so in the thread too
                assert there.faults == []

    async def test_a_removed_post_leaves_the_message_and_the_thread(self, store: Store) -> None:
        async with Slack() as there:
            rig = Rig(store, policy(slack(there), language="en"))
            async with rig.running():
                await rig.arrive(arrival("smoke", id="90", created=now_ish()))
                await rig.until(lambda: there.messages)
                await rig.until(lambda: rig.state("sent"))
                await rig.arrive(arrival("flames", id="91", conversation_id="90", created=now_ish()))
                await rig.move(301)
                await rig.until(lambda: len(there.messages) == 2)
                await rig.until(lambda: "posts: 2" in shown(there).lower())
                async with store.write() as connection:
                    await remove(connection, store.dialect, [("acme", "91")], to_millis(rig.clock.now()))
                rig.delivery.wake()
                await rig.until(lambda: "flames" not in str(there.messages))
                assert "A post shown here was removed" in str(there.messages)
                assert "smoke" in shown(there)
                async with store.write() as connection:
                    await remove(connection, store.dialect, [("acme", "90")], to_millis(rig.clock.now()))
                rig.delivery.wake()
                await rig.until(lambda: "smoke" not in str(there.messages))
                assert there.faults == []

    async def test_a_removed_post_that_a_shown_one_answers_goes_too(self, store: Store) -> None:
        async with Slack() as there:
            rig = Rig(store, policy(slack(there), language="en"))
            async with rig.running():
                await rig.arrive(arrival("our new charger", id="80", kind="neutral", created=now_ish()))
                answer = {"in_reply_to": "80", "conversation_id": "80"}
                await rig.arrive(arrival("it smokes", id="90", created=now_ish(), **answer))
                await rig.until(lambda: "our new charger" in str(there.messages))
                await rig.until(lambda: rig.state("sent"))
                # More than one: the first message may be changed before the second is tried.
                there.refusals += [Refusal(503, {"ok": False, "error": "service_unavailable"})] * 9
                await rig.arrive(arrival("mine too", id="91", created=now_ish(), severity="high", **answer))
                await rig.until(lambda: rig.rows("SELECT 1 FROM outbox WHERE body LIKE '%new charger%'"))
                async with store.write() as connection:
                    await remove(connection, store.dialect, [("acme", "80")], to_millis(rig.clock.now()))
                assert not await rig.rows("SELECT 1 FROM outbox WHERE body LIKE '%new charger%'")
                there.refusals.clear()
                await rig.move(61)
                await rig.until(lambda: "our new charger" not in str(there.messages))
                await rig.until(lambda: len(there.messages) == 2)
                assert "it smokes" in shown(there)

    async def test_429_rests_the_whole_receiver_while_another_goes_on(self, store: Store) -> None:
        async with Slack() as limited, Slack() as free:
            rig = Rig(store, policy(slack(limited, "a"), slack(free, "b"), to=("a", "b")))
            limited.refusals.append(Refusal(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "90"}))
            async with rig.running():
                await rig.arrive(arrival(id="1", created=now_ish()))
                await rig.until(lambda: limited.got and free.messages)
                await rig.arrive(arrival(id="2", created=now_ish()))
                await rig.until(lambda: len(free.messages) == 2)
                await rig.move(80)
                await rig.settle()
                assert len(limited.got) == 1
                await rig.move(11)
                await rig.until(lambda: len(limited.messages) == 2)

    async def test_an_edit_that_is_refused_for_now_is_made_later(self, store: Store) -> None:
        async with Slack() as there:
            rig = Rig(store, policy(slack(there), language="en"))
            async with rig.running():
                await rig.arrive(arrival(id="90", created=now_ish()))
                await rig.until(lambda: there.messages)
                await rig.until(lambda: rig.state("sent"))
                there.refusals.append(Refusal(503, {"ok": False, "error": "service_unavailable"}))
                await changed(rig, change.acknowledge, await the_incident(rig), reason="")
                await rig.until(lambda: len(there.got) == 2)
                await rig.settle()
                assert "Nobody has taken it" in shown(there)
                await rig.move(BASE_SECONDS + 1)
                await rig.until(lambda: "Taken by slack:mika" in shown(there))

    async def test_a_change_that_fails_by_our_own_defect_waits_and_keeps_no_other_waiting(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken, edit = list[str](), SlackChannel.edit

        async def half(channel: SlackChannel, ref: Ref, main: bool, body: bytes, style: Style) -> Result:
            if b"/status/91" in body:
                broken.append(ref["ts"])
                raise RuntimeError("a defect")
            return await edit(channel, ref, main, body, style)

        monkeypatch.setattr(SlackChannel, "edit", half)
        async with Slack() as there:
            rig = Rig(store, policy(slack(there), language="en"))
            async with rig.running():
                await rig.arrive(arrival(id="90", created=now_ish()))
                await rig.until(lambda: rig.state("sent"))
                (first,) = [row.id for row in await rig.rows("SELECT id FROM incidents")]
                await rig.arrive(arrival(id="91", created=now_ish()))
                await rig.until(lambda: len(there.messages) == 2)

                async def both_sent() -> bool:
                    return await rig.state("sent") == 2

                await rig.until(both_sent)
                (second,) = [row.id for row in await rig.rows("SELECT id FROM incidents") if row.id != first]
                await changed(rig, change.acknowledge, first, reason="")
                await changed(rig, change.acknowledge, second, reason="")
                await rig.until(lambda: "Taken by slack:mika" in str(there.messages))
                await rig.until(lambda: broken)
                await rig.settle()
                assert len(broken) == 1
                await rig.move(BASE_SECONDS + 1)
                await rig.until(lambda: len(broken) == 2)

    async def test_changes_have_a_pace_of_their_own_and_keep_no_page_waiting(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        minute = timedelta(minutes=1)
        pace = ProviderPace(Throttle(60, minute), "a test's", edits=Throttle(3, minute))
        monkeypatch.setattr("workers.dispatcher.delivery.PROVIDER_PACES", {"slack": pace})
        async with Slack() as there:
            rig = Rig(store, policy(slack(there), language="en"))
            async with rig.running():
                await rig.arrive(*(arrival(id=str(n), created=now_ish()) for n in range(1, 6)))
                await rig.until(lambda: len(there.messages) == 5)

                async def all_sent() -> bool:
                    return await rig.state("sent") == 5

                await rig.until(all_sent)
                ids = [row.id for row in await rig.rows("SELECT id FROM incidents")]
                for identity in ids:
                    await changed(rig, change.acknowledge, identity, reason="")
                updates = lambda: sum(got.path.endswith("chat.update") for got in there.got)  # noqa: E731
                await rig.until(lambda: updates() == 3)
                await rig.arrive(arrival("a page", id="99", created=now_ish()))
                await rig.until(lambda: len(there.messages) == 6)
                assert updates() == 3
                await rig.move(61)
                await rig.until(lambda: updates() == 5)

    async def test_somebody_deleted_the_message(self, store: Store) -> None:
        async with Slack() as there:
            rig = Rig(store, policy(slack(there), language="en"))
            async with rig.running():
                await rig.arrive(arrival(id="90", created=now_ish()))
                await rig.until(lambda: there.messages)
                await rig.until(lambda: rig.state("sent"))
                there.messages.clear()
                await changed(rig, change.acknowledge, await the_incident(rig), reason="")

                async def forgotten() -> bool:
                    return not await rig.rows("SELECT 1 FROM messages")

                await rig.until(forgotten)


async def test_pagerduty_hears_that_it_was_taken_and_resolved_elsewhere(store: Store) -> None:
    async with PagerDuty() as there:
        keys = entry(PagerDutyEntry, routing_key=pagerduty_fake.KEY, url=there.url)
        rig = Rig(store, policy(Receiver("pager", "pagerduty", settings=keys)))
        async with rig.running():
            await rig.arrive(arrival("煙", id="90", severity="critical", created=now_ish()))
            await rig.until(lambda: list(there.alerts.values()) == ["triggered"])
            await rig.until(lambda: rig.state("sent"))
            assert there.got[0].json["payload"]["severity"] == "critical"
            incident = await the_incident(rig)
            await changed(rig, change.acknowledge, incident, reason="")
            await rig.until(lambda: list(there.alerts.values()) == ["acknowledged"])
            await changed(rig, change.resolve, incident, reason="")
            await rig.until(lambda: list(there.alerts.values()) == ["resolved"])
            assert set(there.alerts) == {f"hikeshi/{incident}"}


async def test_alertmanager_is_told_again_before_an_alert_would_resolve_by_itself(store: Store) -> None:
    async with Alertmanager() as there:
        rig = Rig(store, policy(Receiver("am", "alertmanager", settings=entry(AlertmanagerEntry, url=there.url))))
        async with rig.running():
            await rig.arrive(arrival(id="90", created=now_ish()))
            await rig.until(lambda: len(there.got) == 1)
            await rig.until(lambda: rig.state("sent"))
            (first,) = there.alerts.values()
            await rig.move(301)
            await rig.until(lambda: len(there.got) == 2)
            (again,) = there.alerts.values()
            assert again["endsAt"] > first["endsAt"]
            await rig.arrive(arrival(id="91", conversation_id="90", severity="critical", created=now_ish()))
            await rig.until(lambda: len(there.alerts) == 2)  # another severity is another alert, and the old one ends
            ends = {dict(labels)["severity"]: alert["endsAt"] for labels, alert in there.alerts.items()}
            assert ends["medium"] < ends["critical"]
            await rig.until(lambda: rig.state("sent"))
            await changed(rig, change.resolve, await the_incident(rig), reason="")
            await rig.until(lambda: all(a["endsAt"] <= rfc3339(rig.clock.now()) for a in there.alerts.values()))
            await rig.settle()
            count = len(there.got)
            await rig.move(1000)
            await rig.settle()
            assert len(there.got) == count  # nothing keeps a resolved one standing


async def test_messages_of_what_a_receiver_was_before_ask_for_nothing(store: Store) -> None:
    """The file made it another kind, which can change nothing: it must not be looked after each second for ever."""
    async with Slack() as there:
        rig = Rig(store, policy(slack(there)))
        async with rig.running():
            await rig.arrive(arrival(id="90", created=now_ish()))
            await rig.until(lambda: rig.state("sent"))
            rig.files.policy = policy(Receiver("desk", "console"))
            await changed(rig, change.assign, await the_incident(rig), to="mika", reason="")
            await rig.settle()
            before = await rig.rows("SELECT leased_until FROM receivers")
            await rig.settle()
            assert await rig.rows("SELECT leased_until FROM receivers") == before


async def test_discord_edits_its_message(store: Store) -> None:
    async with Discord() as there:
        rig = Rig(store, policy(Receiver("d", "discord", settings=entry(DiscordEntry, url=there.hook)), language="en"))
        async with rig.running():
            await rig.arrive(arrival("smoke @everyone *now*", id="90", created=now_ish()))
            await rig.until(lambda: there.messages)
            await rig.until(lambda: rig.state("sent"))
            await changed(rig, change.acknowledge, await the_incident(rig), reason="")
            await rig.until(lambda: "Taken by" in str(there.messages))
            assert len(there.messages) == 1


class TestAfter:
    NOW = 1_000_000

    def test_done(self) -> None:
        assert after(Result("delivered"), 3, self.NOW, 0.5) == After()
        assert after(Result("delivered", again_seconds=300), 0, self.NOW, 0.5) == After(due_at=self.NOW + 300_000)

    def test_what_cant_be_changed_is_forgotten(self) -> None:
        for kind in ("client", "gone"):
            assert after(Result(kind), 0, self.NOW, 0.5).forget
        assert after(Result("server"), GIVE_UP_AFTER - 1, self.NOW, 0.5).forget

    def test_a_pause_holds_for_the_receiver(self) -> None:
        follows = after(Result("rate_limited", "", 90), 0, self.NOW, 0.5)
        assert follows.rest_until == self.NOW + 90_000
        assert follows.due_at == self.NOW + 90_000

    def test_a_failure_waits_longer_each_time(self) -> None:
        waits = [(after(Result("server"), n, self.NOW, 1.0).due_at or 0) - self.NOW for n in (0, 3, 50)]
        assert waits == sorted(waits)
        assert waits[-1] <= timedelta(minutes=15) / timedelta(milliseconds=1)
