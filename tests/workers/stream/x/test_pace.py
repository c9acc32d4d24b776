"""When to connect again: X's back-off by class, the resets it names, and the budget of connects."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from workers.stream.x.pace import CONNECTS, Pace, connect_wait
from workers.x.backoff import WINDOW_SECONDS, Failures
from workers.x.failure import Failure, Kind, of_answer, of_message

NOW = 1_000_000.0


def waits(kind: Kind, count: int, reset_at: float | None = None) -> list[float]:
    failures = Failures(Pace())
    return [failures.wait(Failure(kind, "", reset_at), NOW, 0.0) for _ in range(count)]


@pytest.mark.parametrize(
    ("kind", "count", "expected"),
    [
        ("network", 4, [0.25, 0.5, 0.75, 1.0]),
        ("http", 4, [5, 10, 20, 40]),
        ("rules", 2, [5, 10]),
        ("too_many", 2, [5, 10]),
        ("limited", 6, [60, 120, 240, 480, 960, 960]),
        ("refused", 2, [900, 900]),
        ("spelling", 2, [0, 10]),
    ],
)
def test_each_class_has_its_back_off(kind: Kind, count: int, expected: list[float]) -> None:
    assert waits(kind, count) == expected


def test_the_waits_have_an_end() -> None:
    assert waits("network", 100)[-1] == 16
    assert waits("http", 2000)[-1] == 320


@pytest.mark.parametrize(("reset_in", "expected"), [(37.0, 37.0), (-5.0, 60.0), (0.0, 60.0), (86_400.0, 60.0)])
def test_a_reset_is_honoured_where_it_can_be_meant(reset_in: float, expected: float) -> None:
    assert waits("limited", 1, NOW + reset_in) == [expected]


def test_a_row_ends_when_it_went_well() -> None:
    failures = Failures(Pace())
    failures.wait(Failure("http", ""), NOW, 0.0)
    failures.wait(Failure("http", ""), NOW, 0.0)
    failures.forget()
    assert failures.wait(Failure("http", ""), NOW, 0.0) == 5


def test_half_of_the_connects_go_at_once_and_the_quota_is_never_passed() -> None:
    now, made = 0.0, []
    while now < 3 * WINDOW_SECONDS:
        wait = connect_wait(made, now)
        now += max(wait, 0.001)
        if not connect_wait(made, now):
            made.append(now)
    assert sum(at < 1 for at in made) == CONNECTS // 2
    assert busiest(made) <= CONNECTS
    assert max(later - earlier for earlier, later in pairwise(made)) <= 37  # never empty for long


def busiest(made: Sequence[float]) -> int:
    return max(sum(at <= other < at + WINDOW_SECONDS for other in made) for at in made)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b'{"title":"Unauthorized"}', "refused"),
        (402, b"{}", "refused"),
        (403, b"", "refused"),
        (404, b"<html>", "refused"),
        (409, b"{}", "rules"),
        (400, b'{"errors":[{"message":"The query parameter [tweet.fields] is not one of [post.fields]"}]}', "spelling"),
        (400, b'{"errors":[{"message":"bad rule"}]}', "refused"),
        (429, b"{}", "limited"),
        (429, b'{"title":"ConnectionException","connection_issue":"TooManyConnections"}', "too_many"),
        (429, b'{"title":"UsageCapExceeded","period":"Monthly"}', "refused"),
        (500, b"{}", "http"),
        (503, "<html>混雑</html>".encode(), "http"),
        (302, b"", "http"),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, kind: Kind) -> None:
    assert of_answer(status, {}, body).kind == kind


def test_the_reset_is_read_if_it_is_a_number() -> None:
    assert of_answer(429, {"x-rate-limit-reset": "1700000000"}, b"").reset_at == 1_700_000_000
    assert of_answer(429, {"x-rate-limit-reset": "soon"}, b"").reset_at is None


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"errors": [{"title": "operational-disconnect", "disconnect_type": "OperationalDisconnect"}]}, "network"),
        ({"errors": [{"title": "operational-disconnect"}]}, "network"),
        ({"errors": [{"disconnect_type": "InvalidRules"}]}, "rules"),
        ({"errors": [{"connection_issue": "TooManyConnections"}]}, "too_many"),
        ({"connection_issue": "TooManyConnections"}, "too_many"),
        ({"errors": [{"connection_issue": "ProvisioningSubscription"}]}, "refused"),
        ({"errors": [{"title": "Not Found Error", "resource_id": "1"}]}, None),
        ({"data": {"id": "1"}, "errors": [{"disconnect_type": "InternalError"}]}, None),
        ({"weather": "fine"}, None),
        ({"errors": "what"}, None),
        ({"errors": ["what", None]}, None),
    ],
)
def test_what_a_message_of_the_stream_means(message: dict[str, object], kind: Kind | None) -> None:
    failure = of_message(message)
    assert (failure.kind if failure else None) == kind
