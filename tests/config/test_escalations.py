"""Escalations, times, rotas, campaigns, drills of `routes.yaml`: what they come to, and every fault with its place."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.faults import ConfigurationFaults
from config.routes import Policy, load_routes
from config.settings import Settings
from config.steps import IfDuring, IfPosts, Tell, Wait
from config.times import Daily, Dates, Rota, Window, end_of, resolved

HEAD = "receivers: [{name: desk, console: {}}, {name: pager, console: {}}, {name: ken, console: {}}]\n"
ROOT = "route: {receivers: [desk], timezone: Asia/Tokyo}\n"
STEP = "write one of: wait, notify, during, posts, repeat, for example `{wait: 5m}`"
STEPS = "write for example `[{notify: desk}, {wait: 5m}, {notify: pager}]`"
DURATION = "write a whole number and its unit, for example `250ms`, `30s`, `5m`, `4h` or `2d`"
TIME = "write hours and minutes in quotes, for example `'09:00'`"
DAYS = "write `2026-12-29`, `2026-12-29/2027-01-03`, or without the year for every year: `12-29/01-03`"

# What stands in line 3, and all its faults.
FAULTS = {
    "a loop": (
        "escalations: {night: [{notify: desk}, {repeat: 3}]}",
        ["escalations.night[1]: is a loop: a `repeat` with no `wait`; put a `{wait: 5m}` before it"],
    ),
    "a wait in one branch alone is none": (
        "escalations: {n: [{during: business_hours, then: [{wait: 1m}, {notify: desk}], else: [{notify: desk}]}, "
        "{repeat: 1}]}",
        ["escalations.n[1]: is a loop: a `repeat` with no `wait`; put a `{wait: 5m}` before it"],
    ),
    "too often, and not at the end": (
        "escalations: {n: [{notify: desk}, {repeat: 6}], m: [{repeat: 1}, {wait: 1m}, {notify: desk}]}",
        [
            "escalations.n[1].repeat: is 6; write 1 to 5, or remove the step",
            "escalations.m[0]: repeats before the end; move it to the end of the list",
        ],
    ),
    "unknown names": (
        "escalations: {n: [{notify: dsk}, {notify: [desk, oncal]}, {during: offise, then: [{notify: x}]}]}\n"
        "rotas: {oncall: {members: [kenn], every: 7d, start: 2026-11-02}}\ntimes: {office: {weekdays: mon}}",
        [
            "escalations.n[0].notify: there is no receiver or rota 'dsk'; did you mean `desk`?",
            "escalations.n[1].notify[1]: there is no receiver or rota 'oncal'; did you mean `oncall`?",
            "escalations.n[2].during: there is no time 'offise'; did you mean `office`?",
            "escalations.n[2].then[0].notify: there is no receiver or rota 'x'; known here: desk, pager, ken, oncall",
            "rotas.oncall.members[0]: there is no receiver 'kenn'; did you mean `ken`?",
        ],
    ),
    "no steps": (
        "escalations: {a: [], b: desk, c: [desk], d: [{wait: 5m}], e: [{during: business_hours}]}",
        [
            f"escalations.a: is not a list of steps; {STEPS}",
            f"escalations.b: is not a list of steps; {STEPS}",
            f"escalations.c[0]: is no step; {STEP}",
            "escalations.d: tells nobody; add a step as `{notify: desk}`",
            "escalations.e[0]: leads to no step; write `then:` or `else:` with steps",
            "escalations.e: tells nobody; add a step as `{notify: desk}`",
        ],
    ),
    "wrong values": (
        "escalations: {a: [{wait: 5}, {notify: []}, {posts: 0, within: 0s, then: [{notify: desk, wait: 1s}]}]}",
        [
            f"escalations.a[0].wait: is not a duration; {DURATION}",
            "escalations.a[1].notify: is empty; write a value or a list of them, or leave the key out",
            "escalations.a[2].posts: is 0: that always holds; write at least 1",
            f"escalations.a[2].within: must be longer than nothing; {DURATION}",
            "escalations.a[2].then[0].notify: unknown key; known here: wait",
        ],
    ),
    "a repeat within a branch": (
        "escalations: {a: [{notify: desk}, {wait: 1m}, {posts: 9, within: 1m, then: [{repeat: 2}]}]}",
        ["escalations.a[2].then[0]: repeats within a branch; move it to the end of the escalation"],
    ),
    "rotas": (
        "rotas: {desk: {members: [ken], every: 7d, start: 2026-11-02}, a: {members: [], every: 1m, start: monday}}",
        [
            "rotas.desk: 'desk' is a receiver's name; give the rota another one",
            "rotas.a.members: is empty: nobody would be on duty; name receivers",
            "rotas.a.every: is shorter than an hour; write for example `12h`, `1d` or `7d`",
            "rotas.a.start: 'monday' is not a day nor a time; write `2026-04-01` or `2026-04-01 09:00`",
        ],
    ),
    "times": (
        "times: {a: {}, b: {hours: 9-18}, c: {weekdays: monday}, d: {dates: 02-30}, e: {calendar: JPN}, "
        "f: {calendar: XX}, g: {holidays: true}, h: {hours: '09:00-09:00'}, i: {calendar: DE-XY}, "
        "j: {dates: 2026-02-01/2026-01-01}, k: {hour: 1}}",
        [
            "times.a: says no time; write `hours`, `weekdays`, `dates` or `calendar`",
            "times.b.hours: '9-18' is not a span of hours; write for example `09:00-18:00`, or `22:00-07:00` at night",
            "times.c.weekdays: 'monday' is not a weekday; "
            "write mon, tue, wed, thu, fri, sat, sun, or a span as `mon-fri`",
            f"times.d.dates: '02-30' is no day of the calendar; {DAYS}",
            "times.e.calendar: 'JPN' is not a calendar; write the country's two letters, for example `JP`, or `DE-BY`",
            "times.f.calendar: there is no calendar of 'XX'; write an ISO code of a country, for example `JP`",
            "times.g: `holidays` needs a calendar; add for example `calendar: JP`",
            "times.h.hours: '09:00-09:00' ends when it begins; leave `hours` out for the whole day",
            "times.i.calendar: DE has no part 'XY'; {parts}",
            f"times.j.dates: '2026-02-01/2026-01-01' ends before it begins; {DAYS}",
            "times.k.hour: unknown key; did you mean `hours`?",
        ],
    ),
    "campaigns": (
        "campaigns: [{name: a, from: 2026-04-03, to: 2026-04-01}, {name: a, from: 2026-04-01}]",
        [
            "campaigns[0]: ends at 2026-04-01, before it begins; write `to` after `from`",
            "campaigns[1].name: 'a' is taken in line 3; give it another name",
            "campaigns[1].to: is missing; add it, for example `to: 2026-04-03 18:00`",
        ],
    ),
    "inhibition and drills": (
        "inhibit: [{while: {}, mute: {}}]\ndrills: [{name: w, at: 10:00, escalation: night}, "
        "{name: v, at: '25:00', escalation: night}]",
        [
            "inhibit[0]: `while` names nothing: any open incident would do; write for example `{scope: burst}`",
            'drills[0].at: YAML reads 10:00 as a number, not as text; put it in quotes: "10:00"',
            f"drills[1].at: '25:00' is not a time of day; {TIME}",
        ],
    ),
    "of other shapes": (
        "escalations: []\nrotas: x\ntimes: 1\ncampaigns: {}\ninhibit: x\ndrills: []",
        [
            "escalations: must be a block of names; "
            "write under it `night: …`: for example `[{notify: desk}, {wait: 5m}, {notify: pager}]`",
            "rotas: must be a block of names; write under it `oncall: {members: [yuki, ken], every: 7d, start: …}`",
            "times: must be a block of names; write `office: {hours: 09:00-18:00}` under it",
            "campaigns: is not a list; "
            "write under it `- {name: spring sale, from: 2026-04-01 09:00, to: 2026-04-03 18:00}`",
            "inhibit: is not a list; "
            "write under it `- {while: {scope: burst}, mute: {scope: root, severity: [none, low]}}`",
            "drills: is not a list; write under it `- {name: weekly, at: '10:00', weekdays: mon, escalation: night}`",
        ],
    ),
}
ROUTE_FAULTS = {
    "unknown names": (
        "escalation: nigt, quiet_hours: ofice, routes: [{match: {during: offise}}]",
        [
            "route.escalation: there is no escalation 'nigt'; did you mean `night`?",
            "route.quiet_hours: there is no time 'ofice'; did you mean `office`?",
            "route.routes[0].match.during: there is no time 'offise'; did you mean `office`?",
        ],
    ),
    "wrong values": (
        "acknowledge_for: 0s, digest: '9', quiet_hours: {hours: 22}, routes: [{match: {scope: brand}}]",
        [
            f"route.acknowledge_for: must be longer than nothing; {DURATION}",
            f"route.digest: '9' is not a time of day; {TIME}",
            'route.quiet_hours.hours: YAML reads 22 as a number, not as text; put it in quotes: "22"',
            "route.routes[0].match.scope: 'brand' is not known here; known here: root, burst",
        ],
    ),
}
NIGHT = "times: {office: {hours: 09:00-18:00}}\nescalations: {night: [{notify: desk}]}\n"


def load(text: str, folder: Path) -> Policy:
    path = folder / "routes.yaml"
    path.write_text(text, "utf-8")
    return load_routes(path, Settings())


def faults(text: str, folder: Path) -> list[str]:
    with pytest.raises(ConfigurationFaults) as raised:
        load(text, folder)
    return [str(fault).partition(": ")[2] for fault in raised.value.faults]


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_told_with_its_field_and_remedy(name: str, tmp_path: Path) -> None:
    text, expected = FAULTS[name]
    found = faults(HEAD + ROOT + text + "\n", tmp_path)
    parts = next((line.partition("; ")[2] for line in found if "no part 'XY'" in line), "")
    escalation = [line for line in found if "there is no escalation" not in line]
    assert sorted(escalation) == sorted(line.replace("{parts}", parts) for line in expected)


@pytest.mark.parametrize("name", ROUTE_FAULTS)
def test_each_fault_of_a_route_is_told(name: str, tmp_path: Path) -> None:
    keys, expected = ROUTE_FAULTS[name]
    assert sorted(faults(f"{HEAD}{NIGHT}route: {{receivers: [desk], {keys}}}\n", tmp_path)) == sorted(expected)


def test_what_they_come_to(tmp_path: Path) -> None:
    policy = load(
        HEAD
        + """\
rotas: {oncall: {members: [pager, ken], every: 7d, start: 2026-11-02 09:00}}
times: {office: {hours: 09:00-18:00, weekdays: mon-fri, calendar: JP}}
escalations:
  day:
    - notify: [desk, oncall]
    - wait: 5m
    - {during: office, then: [{notify: ken}], else: [{posts: 20, within: 10m, then: [{notify: pager}]}]}
    - repeat: 3
route:
  receivers: [desk]
  timezone: Asia/Tokyo
  escalation: day
  acknowledge_for: 45m
  routes:
    - {match: {during: office, scope: burst}, escalation: false, timezone: Europe/London}
    - {match: {kind: praise}, digest: "09:00", quiet_hours: {hours: "22:00-08:00"}}
campaigns: [{name: sale, from: 2026-04-01 09:00, to: 2026-04-03, match: {brand: acme}}]
inhibit: [{while: {scope: burst}, mute: {scope: root}}]
drills: [{name: weekly, at: "10:00", weekdays: mon, escalation: day}]
""",
        tmp_path,
    )
    rota = Rota("oncall", ("pager", "ken"), timedelta(days=7), datetime(2026, 11, 2, 9), "Asia/Tokyo")
    office = Window("Asia/Tokyo", ((540, 1080),), (0, 1, 2, 3, 4), (), "JP")
    escalation = policy.route.escalation
    assert escalation is not None
    assert (escalation.repeat, escalation.steps) == (
        3,
        (
            Tell(("desk",), (rota,)),
            Wait(timedelta(minutes=5)),
            IfDuring(
                (office,),
                (Tell(("ken",)),),
                (IfPosts(20, timedelta(minutes=10), (Tell(("pager",)),)),),
            ),
        ),
    )
    during, praise = policy.route.routes
    assert (during.escalation, during.match.during[0].timezone) == (None, "Europe/London")
    assert (praise.escalation, praise.acknowledge_for) == (escalation, timedelta(minutes=45))
    assert praise.digest == Daily(540, "Asia/Tokyo")
    assert praise.quiet_hours == (Window("Asia/Tokyo", ((1320, 480),)),)
    (campaign,) = policy.campaigns
    assert (campaign.start, campaign.end) == (
        datetime(2026, 4, 1, 0, 0, tzinfo=UTC),
        datetime(2026, 4, 2, 15, 0, tzinfo=UTC),
    )
    assert campaign.match.severity == {"none", "low", "medium"}
    assert policy.inhibitions[0].mutes.severity == {"none", "low", "medium"}
    assert policy.drills[0].at == Daily(600, "Asia/Tokyo", (0,))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("window", "at", "holds"),
    [
        (Window("Asia/Tokyo", ((540, 1080),)), "2026-11-24T09:00+09:00", True),
        (Window("Asia/Tokyo", ((540, 1080),)), "2026-11-24T18:00+09:00", False),
        # over midnight: it belongs to the day on which it begins
        (Window("Asia/Tokyo", ((1320, 420),), (4,)), "2026-11-28T06:59+09:00", True),  # Saturday, from Friday on
        (Window("Asia/Tokyo", ((1320, 420),), (4,)), "2026-11-27T06:59+09:00", False),
        (Window("Asia/Tokyo", (), (0, 1, 2, 3, 4), (), "JP"), "2026-11-23T10:00+09:00", False),  # 勤労感謝の日
        (Window("Asia/Tokyo", (), (0, 1, 2, 3, 4), (), "JP"), "2026-11-24T10:00+09:00", True),
        (Window("Asia/Tokyo", (), (), (), "JP", True), "2026-09-22T10:00+09:00", True),  # 国民の休日, between two
        (Window("UTC", (), (), (Dates((0, 12, 29), (0, 1, 3)),)), "2027-01-02T10:00+00:00", True),
        (Window("UTC", (), (), (Dates((0, 12, 29), (0, 1, 3)),)), "2027-01-04T10:00+00:00", False),
        (Window("UTC", (), (), (Dates((2026, 2, 1), (2026, 2, 1)),)), "2027-02-01T10:00+00:00", False),
        # the hour that comes twice holds twice
        (Window("Europe/London", ((60, 120),)), "2026-10-25T00:30+00:00", True),
        (Window("Europe/London", ((60, 120),)), "2026-10-25T01:30+00:00", True),
    ],
)
def test_when_a_time_holds(window: Window, at: str, holds: bool) -> None:
    assert window.holds(moment(at)) is holds


def test_a_digest_goes_once_a_day_whatever_the_clock_does() -> None:
    digest = Daily(90, "Europe/London")  # 01:30, left out in March, twice in October
    spring = digest.next_after(moment("2026-03-28T12:00+00:00"))
    assert spring == moment("2026-03-29T01:30+00:00")  # as 02:30
    assert digest.next_after(spring) == moment("2026-03-30T00:30+00:00")
    autumn = digest.next_after(moment("2026-10-24T12:00+00:00"))
    assert autumn == moment("2026-10-25T00:30+00:00")
    assert digest.next_after(autumn) == moment("2026-10-26T01:30+00:00")
    assert Daily(540, "Asia/Tokyo", (0,)).next_after(moment("2026-11-23T00:00+00:00")) == moment(
        "2026-11-30T00:00+00:00"
    )


def test_a_turn_ends_at_the_same_wall_time_and_never_comes_back() -> None:
    rota = Rota("r", ("a", "b"), timedelta(days=7), datetime(2026, 10, 18, 1, 30), "Europe/London")
    handover = resolved(datetime(2026, 10, 25, 1, 30), "Europe/London")  # the first of two
    duty = [rota.on_duty(handover + timedelta(minutes=minutes)) for minutes in (-1, 0, 30, 59, 61, 120)]
    assert duty == ["a", "b", "b", "b", "b", "b"]
    assert rota.on_duty(moment("2026-01-01T00:00+00:00")) == "a"
    assert rota.on_duty(moment("2026-11-01T01:29+00:00")) == "b"
    assert rota.on_duty(moment("2026-11-01T01:30+00:00")) == "a"


def test_when_quiet_hours_end() -> None:
    night = (Window("Asia/Tokyo", ((1320, 480),)),)
    assert end_of(night, moment("2026-11-24T23:30:20+09:00")) == moment("2026-11-25T08:00+09:00")
    weekend = (Window("Asia/Tokyo", (), (5, 6)), Window("Asia/Tokyo", ((0, 480),)))
    assert end_of(weekend, moment("2026-11-28T12:00+09:00")) == moment("2026-11-30T08:00+09:00")
