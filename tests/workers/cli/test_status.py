"""What `hikeshi status` calls overdue: a table."""

from typing import Any

import pytest

from workers.cli.status import Stand, judge


def worker(stage: str, *, alive: bool = True, ready: bool = True, **facts: Any) -> dict[str, Any]:
    reasons = [] if ready else ["stopped: 50 in a row"]
    row = {"worker": f"host-1-{stage}", "stage": stage, "alive": alive, "ready": ready, "reasons": reasons}
    return row | {"facts": facts}


WELL = Stand(
    workers=[worker("stream"), worker("classifier"), worker("dispatcher")],
    oldest_unprocessed_seconds={"classifier": 1.0, "dispatcher": 2.0},
    outbox_due=3,
    outbox_age_seconds=10.0,
    receivers_off={},
    dead_letters=7,
)


def test_all_is_well() -> None:
    assert judge(WELL) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"workers": WELL.workers[1:]}, "stream is not running"),
        ({"workers": [*WELL.workers[1:], worker("stream", alive=False)]}, "stream is not running"),
        ({"workers": [*WELL.workers, worker("classifier", ready=False)]}, "not ready: stopped: 50 in a row"),
        ({"oldest_unprocessed_seconds": {"classifier": 61.0}}, "classifier is behind"),
        ({"outbox_age_seconds": 121.0}, "3 notifications are due"),
        ({"workers": [worker("stream", deaf_seconds=100.0), *WELL.workers[1:]]}, "X has been silent for 100 s"),
        ({"receivers_off": {"desk": "410 Gone"}}, "hikeshi check --send desk"),
    ],
)
def test_overdue(changed: dict[str, Any], said: str) -> None:
    (told,) = judge(WELL._replace(**changed))
    assert said in told


def test_one_of_several_workers_may_have_ended() -> None:
    assert judge(WELL._replace(workers=[*WELL.workers, worker("classifier", alive=False, ready=False)])) == []
