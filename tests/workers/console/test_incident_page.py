"""The incident's page: what it shows, what a tap does, and all that changes nothing."""

import html
import re
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from config.answers import AnswerEntry
from tests.workers.console.rig import PUBLIC, ConsoleRig, forms
from tests.workers.incidents.scene import arrival, at, policy
from workers.incidents import change
from workers.incidents.change import to_millis
from workers.store import Store

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)> {{ 7*7 }} &amp; \u202eevil\n二行目'


async def test_one_tap_and_the_incident_is_taken_by_name(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident(text="アクメの充電器が燃えた", severity="high")
    async with rig.browser() as browser:
        page = await browser.get(rig.link(incident))
        assert page.status == 200
        for shown in ("アクメの充電器が燃えた", "acme", "complaint", "high", "Nobody has taken it yet.", "1 post"):
            assert shown in page.text
        done = await browser.tap(page, "acknowledge", name="  Yuki\u202e  佐藤 ")
        assert done.status == 200
        assert "You have it now." in done.text
        assert "Yuki 佐藤 has it until 03:31." in done.text
        state = await rig.state(incident)
        assert (state.status, state.acknowledged_by) == ("acknowledged", "Yuki 佐藤")
        assert (await rig.timeline(incident))[-1] == ("acknowledged", "Yuki 佐藤", "by the incident's link")

        # The name is remembered: from here one tap is one tap.
        done = await browser.tap(await browser.get(rig.link(incident)), "resolve", text="返金した")
        assert (await rig.state(incident)).status == "resolved"
        assert (await rig.timeline(incident))[-1] == ("resolved", "Yuki 佐藤", "返金した")
        assert "Resolved." in done.text


async def test_what_only_looks_changes_nothing(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident()
    before = await rig.timeline(incident)
    async with rig.browser() as browser:
        for method in ("GET", "HEAD"):
            for purpose in ("incident", "acknowledge"):
                answer = await browser.get(rig.link(incident, purpose), method)
                assert answer.status == 200
        link = rig.link(incident)
        for extra in ("&act=acknowledge", "&done=acknowledge", "&act=acknowledge&name=x&token=y", "&who=new"):
            assert (await browser.get(link + extra)).status == 200
        page = await browser.get(link)
        token = forms(page.html)[0].fields["token"]
        for fields in ({}, {"act": "acknowledge", "name": "x"}, {"act": "acknowledge", "name": "x", "token": "0"}):
            assert (await browser.post(link, fields)).status == 403
        assert (await browser.post(rig.link(incident, "incident"), {"token": token, "act": "resolve"})).status == 403
        assert (await browser.post(link, {"token": token, "act": "explode", "name": "x"})).status == 422
    assert (await rig.state(incident)).status == "firing"
    assert await rig.timeline(incident) == before


async def test_who_acts_without_a_name_is_asked_for_it_and_the_tap_is_kept(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident()
    async with rig.browser() as browser:
        page = await browser.get(rig.link(incident))
        asked = await browser.tap(page, "note", text="電話した")
        assert "Who are you?" in asked.text
        assert (await rig.timeline(incident))[-1][0] == "opened"
        done = await browser.tap(asked, "note", name="Mika")
        assert "Noted." in done.text
        assert (await rig.timeline(incident))[-1] == ("noted", "Mika", "電話した")
        again = await browser.get(rig.link(incident) + "&who=new")
        assert "You act as" not in again.text


async def test_assign_and_who_has_it(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident()
    async with rig.browser() as browser:
        page = await browser.tap(await browser.get(rig.link(incident)), "acknowledge", **{"name": "Mika", "for": "2h"})
        assert "Mika has it until 05:01." in page.text
        page = await browser.tap(page, "assign", to="Ken")
        assert "Assigned to Ken." in page.text
        refused = await browser.tap(page, "assign", to="   ")
        assert (refused.status, "Say to whom" in refused.text) == (422, True)
    assert (await rig.state(incident)).assignee == "Ken"


async def test_one_truth_whoever_was_faster(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident()
    async with rig.browser() as browser:
        page = await browser.get(rig.link(incident))
        async with store.write() as connection:  # as the command line does
            await change.resolve(
                connection, store.dialect, rig.scene.policy, [incident], by="cli", reason="", now=to_millis(at(30))
            )
        late = await browser.tap(page, "acknowledge", name="Mika")
        assert (late.status, "somebody else was faster" in late.text) == (409, True)
        assert "Resolved 03:00." in late.text
        assert "acknowledge" not in [value for form in forms(late.html) for _, value in form.buttons]
        again = await browser.tap(late, "reopen")
        assert "Open again." in again.text
    assert (await rig.state(incident)).status == "firing"


async def test_not_about_us_closes_it_and_teaches(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident(text="アクメ杯の優勝者は")
    async with rig.browser() as browser:
        done = await browser.tap(await browser.get(rig.link(incident)), "not_relevant", text="大会の名前")
        done = await browser.tap(done, "not_relevant", name="Mika")
        assert "Marked as not relevant." in done.text
    assert (await rig.state(incident)).status == "resolved"
    lessons = await rig.scene.rows("SELECT kind, taught_by FROM lessons")
    assert [(row.kind, row.taught_by) for row in lessons] == [("irrelevant", "Mika")]


async def test_one_post_of_several_is_not_about_us(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident(arrival("壊れた", id="90"), arrival("別のアクメ", id="91", conversation_id="90"))
    async with rig.browser() as browser:
        page = await browser.get(rig.link(incident))
        form = next(form for form in forms(page.html) if form.fields.get("post") == "91")
        fields = {**form.fields, "act": "not_relevant_post", "name": "Mika"}
        done = await browser.post(page.url, fields)
        assert done.status == 200
        assert "別のアクメ" not in done.text
        strange = await browser.post(page.url, {**fields, "post": "92"})
        assert strange.status == 409
    assert (await rig.state(incident)).status == "firing"


async def test_hostile_text_is_text(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident(text=HOSTILE, author="<b>x</b>")
    async with rig.browser() as browser:
        page = await browser.get(rig.link(incident))
        page = await browser.tap(page, "note", text=HOSTILE)
        page = await browser.tap(page, "note", name='"><script>')
    for tag in ("<script", "<img", "<b>", "onerror=alert(2)>"):
        assert tag not in page.html
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }} &amp;" in page.text
    guard = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in guard
    assert "unsafe" not in guard
    assert (page.headers["Referrer-Policy"], page.headers["Cache-Control"]) == ("no-referrer", "no-store")


async def test_a_link_that_is_not_ours_shows_nothing(store: Store) -> None:
    rig = ConsoleRig(store)
    link = rig.link(await rig.incident(text="秘密の投稿"))
    spoiled = (
        link.replace("key=a-", "key=i-"),
        link[:-1],
        link.partition("?")[0],
        link.replace("/incidents/", "/incidents/0"),
    )
    async with rig.browser() as browser:
        for wrong in spoiled:
            answer = await browser.get(wrong)
            assert (answer.status, "This link is not valid" in answer.text) == (403, True)
            assert "秘密の投稿" not in answer.html


async def test_an_old_link_says_so_and_does_nothing(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident(text="秘密の投稿")
    async with rig.browser("ja") as browser:
        page = await browser.get(rig.link(incident))
        rig.clock.offset += timedelta(days=7)
        for answer in (await browser.get(page.url), await browser.tap(page, "acknowledge", name="x")):
            assert (answer.status, "有効期限" in answer.text) == (410, True)
            assert "秘密の投稿" not in answer.html
    assert (await rig.state(incident)).status == "firing"


async def test_an_incident_that_is_gone(store: Store) -> None:
    rig = ConsoleRig(store)
    async with rig.browser() as browser:
        answer = await browser.get(rig.link("k0k0k0k0k0"))
    assert (answer.status, "not here any more" in answer.text) == (404, True)


async def test_posts_that_were_removed(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident(text="消された投稿", id="90")
    await rig.scene.arrive(removals=[("acme", "90")])
    async with rig.browser() as browser:
        page = await browser.get(rig.link(incident))
    assert "The posts have been removed" in page.text
    assert "消された投稿" not in page.html


async def test_a_merged_one_leads_to_its_burst(store: Store) -> None:
    rig = ConsoleRig(store)
    await rig.scene.arrive(*[arrival(created=at(number)) for number in range(21)], now=at(30))
    (merged,) = (await rig.scene.rows("SELECT id FROM incidents WHERE status = 'merged' ORDER BY id LIMIT 1"))[0]
    (burst,) = (await rig.scene.rows("SELECT id FROM incidents WHERE scope = 'burst'"))[0]
    async with rig.browser() as browser:
        page = await browser.get(rig.link(merged))
        assert "part of a burst" in page.text
        assert forms(page.html) == []
        (_, _, rest) = page.html.partition(f'href="{burst}?key=')
        there = await browser.get(f"{PUBLIC}/incidents/{burst}?key={rest.partition(chr(34))[0]}")
        assert "burst over the whole brand" in there.text
        assert "21 posts by 21 authors" in there.text
        taken = await browser.tap(there, "acknowledge", name="Mika")
        assert "You have it now." in taken.text
    assert (await rig.state(burst)).status == "acknowledged"


LANGUAGES = [
    # the reader's choice, the browser's, the route's; what the button says
    ("", "ja,en;q=0.8", "en", "引き受ける"),
    ("", "fr,en;q=0.5,ja;q=0.4", "ja", "Acknowledge"),
    ("", "fr", "ja", "引き受ける"),
    ("", "", "en", "Acknowledge"),
    ("&lang=ja", "en", "en", "引き受ける"),
    ("&lang=xx", "en", "ja", "Acknowledge"),
]


async def test_the_language(store: Store) -> None:
    rig = ConsoleRig(store)
    incident = await rig.incident()
    for asked, header, language, shown in LANGUAGES:
        rig.files.policy = policy(language=language, timezone="Asia/Tokyo")
        async with rig.browser(header) as browser:
            page = await browser.get(rig.link(incident) + asked)
        assert shown in page.text
        assert "Asia/Tokyo" in page.text
        assert "12:00" in page.text  # three in the morning, UTC


async def test_the_answer_book_is_at_hand_and_a_person_sends(store: Store) -> None:
    rig = ConsoleRig(store)
    rig.files.answers = (
        AnswerEntry.model_validate(
            {
                "situation": "充電器が熱い",
                "when": {"keywords": ["熱い"]},
                "answer": {"ja": "すぐに使用を中止し、DMでご連絡ください。", "en": "Please stop using it."},
            }
        ),
    )
    incident = await rig.incident(
        arrival("充電器が熱い", id="90"), arrival("返事がない", id="91", conversation_id="90", lang="ja")
    )
    async with rig.browser("ja") as browser:
        page = await browser.get(rig.link(incident))
        assert "回答集: 充電器が熱い" in page.text
        assert "すぐに使用を中止し" in page.text
        links = re.findall(r'href="(https://x\.com/intent/[^"]+)"', page.html)
        assert len(links) == 2
        first, second = (parse_qs(urlsplit(html.unescape(link)).query, keep_blank_values=True) for link in links)
        assert first == {"in_reply_to": ["90"], "text": ["すぐに使用を中止し、DMでご連絡ください。"]}
        assert second == {"in_reply_to": ["91"], "text": [""]}


async def test_without_a_link_there_is_nothing_to_see(store: Store) -> None:
    rig = ConsoleRig(store)
    await rig.incident(text="秘密の投稿")
    async with rig.browser() as browser:
        home = await browser.get("/")
        assert (home.status, "Nothing to see here" in home.text) == (200, True)
        assert "秘密の投稿" not in home.html
        for path in ("/incidents", "/incidents/", "/api/v1/incidents", "/metrics", "/../etc/passwd"):
            assert (await browser.get(path)).status in (403, 404)
        assert (await browser.get("/robots.txt")).html.endswith("Disallow: /\n")
