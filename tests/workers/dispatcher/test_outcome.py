"""What follows an attempt: a table."""

from datetime import timedelta

import pytest

from config.routes import Throttle
from workers.dispatcher.channels.http import retry_after_seconds
from workers.dispatcher.channels.webhook import sign
from workers.dispatcher.outcome import GIVE_UP_MS, Result, classify, falls_back, next_step
from workers.dispatcher.throttle import allowance, recent_sends

MINUTE = 60_000


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "delivered"), (204, "delivered"), (301, "client"), (400, "client"), (401, "auth"), (403, "auth"),
        (404, "auth"), (408, "timed_out"), (410, "gone"), (422, "client"), (429, "rate_limited"), (500, "server"),
        (503, "server"),
    ],
)  # fmt: skip
def test_classes_of_failure(status: int, kind: str) -> None:
    assert classify(status) == kind


@pytest.mark.parametrize(
    ("result", "attempts", "frozen_at", "refused_since", "state", "due"),
    [
        (Result("delivered"), 1, 0, None, "sent", None),
        (Result("client"), 1, 0, None, "failed", None),
        (Result("server"), 1, 0, None, "frozen", 1_000),  # the first within 2 s
        (Result("server"), 50, 0, None, "frozen", 60_000),  # then at most 60 s apart
        (Result("timed_out"), 3, 0, None, "frozen", 4_000),
        (Result("server"), 50, -GIVE_UP_MS, None, "failed", None),
        (Result("server"), 50, 1 - GIVE_UP_MS, None, "frozen", 60_000),
        (Result("auth"), 5, -9 * MINUTE, -9 * MINUTE, "frozen", 16_000),
        (Result("auth"), 5, -10 * MINUTE, -10 * MINUTE, "failed", None),
        (Result("auth"), 5, -60 * MINUTE, None, "frozen", 16_000),  # the first refusal after an hour of something else
        (Result("rate_limited", "", 90.0), 1, 0, None, "frozen", 90_000),
        (Result("rate_limited", "", 86_400.0), 1, 0, None, "frozen", 3_600_000),  # an hour at most
        (Result("rate_limited"), 1, 0, None, "frozen", 1_000),
        (Result("rate_limited", "", 0.0), 4, 0, None, "frozen", 8_000),  # no rest asked for: our own pace
        (Result("server", "", 0.2), 4, 0, None, "frozen", 8_000),
        (Result("server", "", 7.0), 1, 0, None, "frozen", 7_000),
        (Result("gone"), 1, 0, None, "frozen", 60_000),
    ],
)
def test_next_step(
    result: Result, attempts: int, frozen_at: int, refused_since: int | None, state: str, due: int | None
) -> None:
    then = next_step(result, attempts, 0, frozen_at, refused_since, 0, jitter=1.0)
    assert then.state == state
    if due is not None:
        assert then.due_at == due
    assert then.switch_off == (result.kind == "gone")
    assert (then.refused_since is not None) == (result.kind == "auth" and state == "frozen")


@pytest.mark.parametrize(
    ("late", "severity", "throttled", "falls"),
    [(59_999, 4, False, False), (60_000, 0, False, True), (60_000, 2, True, False), (60_000, 3, True, True)],
)
def test_fallback(late: int, severity: int, throttled: bool, falls: bool) -> None:
    assert falls_back(0, severity, throttled, late) is falls


def test_throttle() -> None:
    throttle = Throttle(3, timedelta(minutes=1))
    assert allowance(None, [1, 2, 3], 10).left is None
    assert allowance(throttle, [], MINUTE) == (3, None)
    assert allowance(throttle, [1, 2], MINUTE) == (1, None)
    assert allowance(throttle, [10, 20, 30], 100) == (0, 10 + MINUTE)
    assert allowance(throttle, [10, 20, 30], 10 + MINUTE) == (1, None)
    assert recent_sends(throttle, [1, 50_000, 40_000], MINUTE + 1) == [40_000, 50_000]


def test_retry_after_is_a_number_or_a_date() -> None:
    from datetime import UTC, datetime

    now = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    assert retry_after_seconds("120", now) == 120
    assert retry_after_seconds("Tue, 24 Nov 2026 03:01:30 GMT", now) == 90
    assert retry_after_seconds("Tue, 24 Nov 2026 02:00:00 GMT", now) == 0
    assert retry_after_seconds("soon", now) is None
    assert retry_after_seconds(None, now) is None


def test_signature_is_over_time_and_body() -> None:
    # openssl: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
    signed = sign(b'{"a":1}', "secret", 1_700_000_000)
    assert signed == "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
    assert sign(b'{"a":2}', "secret", 1_700_000_000) != signed
