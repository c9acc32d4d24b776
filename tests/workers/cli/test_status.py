"""What `hikeshi status` calls overdue is what the self-audit does, with what only that one knows."""

from tests.workers.incidents.standings import WELL
from workers.cli.status import Stand, judge
from workers.incidents.audit import Undelivered
from workers.incidents.ops import OpsAlert


def test_all_is_well() -> None:
    assert judge(Stand(WELL, [])) == []


def test_overdue() -> None:
    standing = WELL._replace(undelivered={"desk": Undelivered(3, 121.0)})
    alerts = [
        OpsAlert("ops-1", "no_mentions/acme", {"en": "nothing has come about acme for 4 h"}, 0, None),
        OpsAlert("ops-2", "x_budget_nearly_spent", {"en": "80 % of the day's posts are used"}, 0, None),
    ]
    told = judge(Stand(standing, alerts))
    assert told == [
        "3 notifications for desk are due, the oldest since 121 s",
        "nothing has come about acme for 4 h",
    ]
