"""`routes.yaml`: the policy of a good one, and every fault of a bad one with file, line, field and remedy."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.faults import ConfigurationFaults
from config.routes import Match, Policy, Receiver, Route, Throttle, Webhook, default_policy, load_routes
from config.settings import Settings

DESK = 'receivers:\n  - name: 当番\n    webhook: {url: "http://127.0.0.1:9000/hook"}\n'
ROOT = "route:\n  receivers: [当番]\n"
DURATION = "write a whole number and its unit, for example `250ms`, `30s`, `5m`, `4h` or `2d`"
RECEIVERS = "write `receivers:` and under it `- {name: desk, console: {}}`"
ADDRESS = "write it whole, for example `https://example.com/hook`"

# The whole file, and all its faults.
FAULTS = {
    "route to an unknown receiver": (
        DESK + "route:\n  receivers: [当番, 当審]\n",
        ["5: route.receivers[1]: there is no receiver '当審'; known here: 当番"],
    ),
    "route far below to an unknown receiver": (
        DESK + ROOT + "  routes:\n    - routes:\n        - match: {kind: praise}\n          receivers: [pager]\n",
        ["9: route.routes[0].routes[0].receivers[0]: there is no receiver 'pager'; known here: 当番"],
    ),
    "fallback to an unknown receiver": (
        DESK + "    fallback: page\n  - {name: pager, console: {}}\n" + ROOT,
        ["4: receivers[0].fallback: there is no receiver 'page'; did you mean `pager`?"],
    ),
    "fallback loop": (
        DESK
        + "    fallback: b\n  - {name: b, console: {}, fallback: c}\n  - {name: c, console: {}, fallback: b}\n"
        + ROOT,
        ["5: receivers[1].fallback: is a loop: b → c → b; let the last one have no fallback"],
    ),
    "fallback to itself": (
        DESK + "    fallback: 当番\n" + ROOT,
        ["4: receivers[0].fallback: is a loop: 当番 → 当番; let the last one have no fallback"],
    ),
    "ops without a receiver that is there": (
        DESK + ROOT + "ops:\n  receivers: [当直, 当番]\n",
        ["7: ops.receivers[0]: there is no receiver '当直'; known here: 当番"],
    ),
    "ops that tells nobody": (
        DESK + ROOT + "ops: {receivers: []}\n",
        ["6: ops.receivers: is empty: nobody would be told; name a receiver, or leave `ops` out: the log says it"],
    ),
    "ops that is no block": (
        DESK + ROOT + "ops: [当番]\n",
        ["6: ops: must be a block of keys, not a list; write it"],
    ),
    "channel with a secret that can't be one": (
        "receivers:\n  - name: 当番\n    pagerduty: {routing_key: hunter2}\n" + ROOT,
        [
            "3: receivers[0].pagerduty.routing_key: is not an integration key; "
            "copy the 32 letters and digits of its Events API v2"
        ],
    ),
    "channel that nobody knows": (
        "receivers:\n  - name: 当番\n    webhok: {url: x}\n" + ROOT,
        [
            "2: receivers[0]: has no channel; add `console: {}` or `webhook: {url: …}`",
            "3: receivers[0].webhok: unknown key; did you mean `webhook`?",
        ],
    ),
    "two channels": (
        DESK + "    console: {}\n" + ROOT,
        ["2: receivers[0]: has 2 channels: console, webhook; make a receiver of each"],
    ),
    "empty channel": (
        "receivers:\n  - name: 当番\n    console:\n" + ROOT,
        ["3: receivers[0].console: is empty; write `console: {}`"],
    ),
    "name taken": (
        DESK + "  - {name: 当番, console: {}}\n" + ROOT,
        ["4: receivers[1].name: '当番' is taken by the receiver in line 2; give it another name"],
    ),
    "empty name": (
        DESK + "  - {name: '', console: {}}\n" + ROOT,
        ["4: receivers[1].name: is empty; write a name that routes can use"],
    ),
    "no name": (
        DESK + "  - {console: {}}\n" + ROOT,
        ["4: receivers[1].name: is missing; add it, for example `name: desk`"],
    ),
    "bad addresses": (
        "receivers:\n"
        "  - {name: 当番, webhook: {url: 'example.com/hook'}}\n"
        "  - {name: b, webhook: {url: 'ftp://example.com'}}\n"
        "  - {name: c, webhook: {url: 'http://exam ple.com'}}\n"
        "  - {name: d, webhook: {url: 'http://[::1'}}\n"
        "  - {name: e, webhook: {url: 'http://example.com:99999/'}}\n"
        "  - {name: f, webhook: {url: 'https://'}}\n"
        "  - {name: g, webhook: {url: 'https://hooks..example.com/x'}}\n" + ROOT,
        [
            f"2: receivers[0].webhook.url: is not an http or https address; {ADDRESS}",
            f"3: receivers[1].webhook.url: is not an http or https address; {ADDRESS}",
            f"4: receivers[2].webhook.url: the address holds white space; {ADDRESS}",
            f"5: receivers[3].webhook.url: is not an http or https address; {ADDRESS}",
            f"6: receivers[4].webhook.url: is not an http or https address; {ADDRESS}",
            f"7: receivers[5].webhook.url: is not an http or https address; {ADDRESS}",
            f"8: receivers[6].webhook.url: is not an http or https address; {ADDRESS}",
        ],
    ),
    "no address": (
        "receivers:\n  - {name: 当番, webhook: {}}\n" + ROOT,
        ["2: receivers[0].webhook.url: is missing; add it, for example `url: https://example.com/hook`"],
    ),
    "throttle": (
        DESK + "    throttle: {count: 0, per: 0s}\n" + ROOT,
        [
            "4: receivers[0].throttle.count: is 0: nothing would ever be sent; write at least 1",
            f"4: receivers[0].throttle.per: must be longer than nothing; {DURATION}",
        ],
    ),
    "throttle of wrong types": (
        DESK + "    throttle: {count: '30', per: 1 minute}\n" + ROOT,
        [
            "4: receivers[0].throttle.count: must be a whole number, not text (30); write it, for example `count: 30`",
            f"4: receivers[0].throttle.per: '1 minute' is not a duration; {DURATION}",
        ],
    ),
    "bad durations": (
        DESK + ROOT + "  group_wait: 30\n  group_interval: 5分\n  repeat_interval: 0s\n  resolve_after: 99999d\n",
        [
            f"6: route.group_wait: is not a duration; {DURATION}",
            f"7: route.group_interval: '5分' is not a duration; {DURATION}",
            f"8: route.repeat_interval: must be longer than nothing; {DURATION}",
            f"9: route.resolve_after: '99999d' is longer than 3650 days; {DURATION}",
        ],
    ),
    "names that are unknown": (
        DESK + ROOT + "  language: jp\n  timezone: Tokyo\n  routes:\n    - match:\n"
        "        kind: complain\n        severity: [hgih]\n"
        "        influence: [なし]\n        lang: jp\n        author: a-b\n        brand: a/b\n",
        [
            "6: route.language: 'jp' is not known here; known here: en, ja",
            "7: route.timezone: 'Tokyo' is not a time zone; did you mean `Asia/Tokyo`?",
            "10: route.routes[0].match.kind: 'complain' is not known here; did you mean `complaint`?",
            "11: route.routes[0].match.severity[0]: 'hgih' is not known here; did you mean `high`?",
            "12: route.routes[0].match.influence[0]: 'なし' is not known here; "
            "known here: none, notable, influencer, watchlist",
            "13: route.routes[0].match.lang: 'jp' is a country, not a language; did you mean `ja`?",
            "14: route.routes[0].match.author: 'a-b' is not a user name of X; "
            "write 1 to 15 of A-Z, a-z, 0-9 and _, for example `acme_jp`",
            "15: route.routes[0].match.brand: 'a/b' can't be an id; "
            "write ASCII letters, digits, `-`, `_` and `.`, at most 64, for example `acme`",
        ],
    ),
    "empty lists": (
        DESK + ROOT + "  routes:\n    - {match: {kind: []}, receivers: []}\n",
        [
            "7: route.routes[0].match.kind: is empty; write a value or a list of them, or leave the key out",
            "7: route.routes[0].receivers: is empty: nobody would be told; "
            "name a receiver, or leave the key out to inherit",
        ],
    ),
    "keys that mean nothing at the root": (
        DESK + ROOT + "  match: {kind: praise}\n  continue: true\n",
        [
            "6: route.match: stands at the root: the root matches all; move it into an entry of `routes`",
            "7: route.continue: stands at the root: nothing comes after the root; move it into an entry of `routes`",
        ],
    ),
    "root without receivers": (
        DESK + "route: {group_wait: 1s}\n",
        ["4: route.receivers: is missing: the root tells somebody; add it, for example `[desk]`"],
    ),
    "no route": (
        DESK,
        ["1: route: is missing; write `route:` and under it `receivers: [desk]`"],
    ),
    "no receivers": (
        "route:\n  receivers: [当番]\n",
        [
            f"1: receivers: is missing; {RECEIVERS}",
            "2: route.receivers[0]: there is no receiver '当番'; remove it",
        ],
    ),
    "receivers as a block": (
        "receivers: {当番: {console: {}}}\nroute: {receivers: [当番]}\n",
        [
            f"1: receivers: is not a list of receivers; {RECEIVERS}",
            "2: route.receivers[0]: there is no receiver '当番'; remove it",
        ],
    ),
    "unknown keys": (
        DESK + ROOT + "  group_weight: 1s\nroutes: []\n",
        [
            "6: route.group_weight: unknown key; did you mean `group_wait`?",
            "7: routes: unknown key; did you mean `route`?",
        ],
    ),
    "secret file that is missing": (
        "receivers:\n  - name: 当番\n    webhook: {url: 'http://a/', secret_file: 秘密}\n" + ROOT,
        [
            "3: receivers[0].webhook.secret_file: the secret file {folder}/秘密 can't be read: "
            "No such file or directory; name a readable file that holds the secret alone"
        ],
    ),
    "secret twice": (
        "receivers:\n  - name: 当番\n    webhook: {url: 'http://a/', secret_file: s, secret: hunter2}\n" + ROOT,
        ["3: receivers[0].webhook.secret_file: stands beside `secret`; keep one of the two"],
    ),
    "secret that is a number": (
        "receivers:\n  - name: 当番\n    webhook: {url: 'http://a/', secret: 0123}\n" + ROOT,
        [
            "3: receivers[0].webhook.secret: must be text, not a number; "
            "write text, in quotes where it could be read otherwise"
        ],
    ),
    "empty secret": (
        "receivers:\n  - name: 当番\n    webhook: {url: 'http://a/', secret: ''}\n" + ROOT,
        ["3: receivers[0].webhook.secret: is empty; write the secret, or leave the key out to send unsigned"],
    ),
    "a route that is text": (
        DESK + "route: 当番\n",
        ["4: route: must be a block of keys, not text; write it"],
    ),
    "empty": ("\n", ["1: the file is empty; put back what stood there, or start from config/routes.example.yaml"]),
    "text alone": (
        "当番\n",
        ["1: must be a block with the keys `receivers` and `route`; start from config/routes.example.yaml"],
    ),
}


def load(text: str, folder: Path, settings: Settings | None = None) -> Policy:
    path = folder / "routes.yaml"
    path.write_text(text, "utf-8")
    return load_routes(path, settings or Settings())


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_told_with_line_field_and_remedy(name: str, tmp_path: Path) -> None:
    text, expected = FAULTS[name]
    with pytest.raises(ConfigurationFaults) as raised:
        load(text, tmp_path)
    told = [str(fault).removeprefix(f"{tmp_path}/routes.yaml:") for fault in raised.value.faults]
    assert sorted(told) == sorted(fault.replace("{folder}", str(tmp_path)) for fault in expected)


def test_no_file_is_one_receiver_at_the_terminal_with_the_defaults(tmp_path: Path) -> None:
    policy = load_routes(tmp_path / "routes.yaml", Settings(language="ja"))
    assert policy == default_policy("ja")
    assert policy.receivers == {"console": Receiver("console", "console")}
    assert policy.route == Route(
        receivers=("console",),
        group_wait=timedelta(seconds=30),
        group_interval=timedelta(minutes=5),
        repeat_interval=timedelta(hours=4),
        resolve_after=timedelta(hours=24),
        reopen_within=timedelta(hours=24),
        language="ja",
        timezone="UTC",
        acknowledge_for=timedelta(minutes=30),
    )


def test_a_child_inherits_what_it_leaves_out_but_no_match_and_no_continue(tmp_path: Path) -> None:
    policy = load(
        DESK
        + """\
    throttle: {count: 30, per: 1m}
    fallback: 端末
  - name: 端末
    console: {}
route:
  receivers: [当番]
  group_wait: 0s
  timezone: Asia/Tokyo
  routes:
    - match: {kind: complaint, severity: [high, critical], lang: JA, author: ["@Fan", "2244994945"], brand: acme}
      continue: yes
      receivers: [端末, 当番]
      language: ja
      repeat_interval: 250ms
      routes:
        - {}
    - match:
      group_wait: 1s
""",
        tmp_path,
    )
    desk = Receiver(
        "当番", "webhook", Webhook("http://127.0.0.1:9000/hook"), Throttle(30, timedelta(minutes=1)), "端末"
    )
    assert policy.receivers == {"当番": desk, "端末": Receiver("端末", "console")}
    first, second = policy.route.routes
    assert first.match == Match(
        brand=frozenset({"acme"}),
        kind=frozenset({"complaint"}),
        severity=frozenset({"high", "critical"}),
        lang=frozenset({"ja"}),
        author=frozenset({"fan", "2244994945"}),
    )
    assert (first.continue_, first.group_wait, first.timezone) == (True, timedelta(), "Asia/Tokyo")
    (grandchild,) = first.routes
    assert grandchild.match == Match()
    assert grandchild.continue_ is False
    assert grandchild.receivers == ("端末", "当番")
    assert grandchild.language == "ja"
    assert grandchild.repeat_interval == timedelta(milliseconds=250)
    assert (second.receivers, second.language, second.group_wait) == (("当番",), "en", timedelta(seconds=1))


def test_ops_are_told_by_receivers_of_the_same_file(tmp_path: Path) -> None:
    assert load(DESK + ROOT, tmp_path).ops == ()
    assert load(DESK + ROOT + "ops: {receivers: [当番, 当番]}\n", tmp_path).ops == ("当番",)


def test_a_secret_is_read_from_its_file_beside_this_one_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("火の用心 hunter2\n", "utf-8")
    policy = load(
        "receivers:\n  - name: a\n    webhook: {url: 'https://x/hook?token=hunter3', secret_file: secret}\n"
        "route: {receivers: [a]}\n",
        tmp_path,
    )
    webhook = policy.receivers["a"].webhook
    assert webhook == Webhook("https://x/hook?token=hunter3", SecretStr("火の用心 hunter2"))
    assert "hunter" not in repr(policy)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not text"),
        (b"x" * 65_537, "is larger than 65536 bytes"),
    ],
)
def test_a_secret_file_that_holds_none(content: bytes, fault: str, tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(content)
    text = "receivers:\n  - {name: 当番, webhook: {url: 'http://a/', secret_file: s}}\n" + ROOT
    with pytest.raises(ConfigurationFaults) as raised:
        load(text, tmp_path)
    (only,) = raised.value.faults
    assert only.fault == f"the secret file {tmp_path}/s {fault}"


@pytest.mark.parametrize(
    "channel",
    [
        "webhook: hunter2",
        "webhook: {url: hunter2}",
        "webhook: {url: 'http://hunter2 /'}",
        "webhook: {url: [hunter2]}",
        "webhook: {secret: [hunter2], url: 'http://a/'}",
        "webhook: {secret: {a: hunter2}, url: 'http://a/'}",
        "webhook: {secrt: hunter2, url: 'http://a/'}",
        "webhook: {secret: 1234-hunter2, secret_file: a, url: 'http://a/'}",
        "pagerduty: hunter2",
        "console: hunter2",
    ],
)
def test_no_fault_shows_a_secret(channel: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationFaults) as raised:
        load("receivers:\n  - name: 当番\n    " + channel + "\n" + ROOT, tmp_path)
    assert "hunter2" not in str(raised.value)
    assert "hunter2" not in repr(raised.value)
