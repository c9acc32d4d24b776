"""The tests' own servers and fakes: that they really do what tests rely on."""

import json
import urllib.error
import urllib.request

import pytest

from tests.support.postgres import Database
from tests.support.sink import Answer, Sink, busy


def post(sink: Sink, body: object, key: str = "k1") -> int:
    request = urllib.request.Request(sink.url, json.dumps(body).encode(), {"Idempotency-Key": key})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310  # our own sink
            return int(response.status)
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.mark.postgres
def test_postgres_keeps_what_it_acknowledged_over_a_kill(postgres: Database) -> None:
    postgres.sql("CREATE TABLE kept (n int)")
    postgres.sql("INSERT INTO kept VALUES (7)")
    postgres.server.kill()
    with pytest.raises(RuntimeError):
        postgres.sql("SELECT 1")
    postgres.server.start()
    assert postgres.sql("SELECT n FROM kept") == "7"


def test_sink_answers_as_told_and_comes_back(sink: Sink) -> None:
    sink.answers.extend([busy("3"), Answer(500)])
    assert [post(sink, {"version": 1}) for _ in range(3)] == [429, 500, 200]
    assert [request.status for request in sink.requests] == [429, 500, 200]
    sink.close()
    with pytest.raises(OSError, match="refused"):
        post(sink, {"version": 1})
    sink.reopen()
    assert post(sink, {"version": 1}) == 200
    assert len(sink.wait_for(2)) == 2


def test_sink_notes_what_a_receiver_must_not_see() -> None:
    with Sink(secret="s") as sink:
        post(sink, {"version": 1})
        post(sink, {"version": 1, "other": True})
        post(sink, [], key="")
    assert any("two bodies" in fault for fault in sink.faults)
    assert any("does not sign" in fault for fault in sink.faults)
    assert any("1 to 64 ASCII" in fault for fault in sink.faults)


def test_sink_cuts_a_connection(sink: Sink) -> None:
    sink.answers.append(Answer(cut=True))
    with pytest.raises(OSError, match=r"closed|reset|without response"):
        post(sink, {"version": 1})
    assert sink.delivered == []
