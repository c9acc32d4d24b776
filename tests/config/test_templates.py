"""Templates of messages: ours say all in both languages, a user's replace parts, and faults name file and line."""

from pathlib import Path

import pytest

from config.template_sample import SAMPLES
from config.templates import KINDS, LANGUAGES, PARTS, TemplateFaultError, Templates, built_in
from config.words import INFLUENCES, LABELS, REASONS, SEVERITIES, STATUSES
from config.words import KINDS as KIND_WORDS
from schemas.mark import INFLUENCES as ALL_INFLUENCES
from schemas.mark import KINDS as ALL_KINDS
from schemas.mark import SEVERITIES as ALL_SEVERITIES
from tests.workers.dispatcher.channels.alerts import JA, alert, full, post
from workers.dispatcher.view import view


def values(name: str, sample: object) -> list[object]:
    """What a part is called with."""
    assert isinstance(sample, dict)
    return {"alert": [sample], "post": sample["posts"][:1], "number": [3], "": []}[PARTS[name]]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sample", SAMPLES, ids=["full", "bare"])
def test_ours_have_every_part_for_every_channel(language: str, sample: object) -> None:
    for kind in KINDS:
        for name in PARTS:
            if (name in ("subject", "text") and kind != "email") or (name == "html" and kind != "email_html"):
                continue
            text = built_in().strictly(kind, language, name, *values(name, sample), colour="#000000")
            assert "None" not in text
            assert "Undefined" not in text


def test_both_languages_have_the_same_words() -> None:
    for table in (REASONS, KIND_WORDS, SEVERITIES, STATUSES, INFLUENCES, LABELS):
        assert table["en"].keys() == table["ja"].keys()
    assert set(ALL_KINDS) < KIND_WORDS["ja"].keys()
    assert set(ALL_SEVERITIES) == SEVERITIES["ja"].keys()
    assert set(ALL_INFLUENCES) == INFLUENCES["ja"].keys()


def test_the_samples_have_the_shape_of_what_is_sent() -> None:
    shown = [view(full(post()), JA), view(alert(post()), JA)]
    for sample, sent in zip(SAMPLES, shown, strict=True):
        assert sample.keys() == sent.keys()
        assert sample["posts"][0].keys() == sent["posts"][0].keys()
        assert sample["incident"].keys() == sent["incident"].keys()
    assert SAMPLES[0]["loud"][0].keys() == shown[0]["loud"][0].keys()
    assert SAMPLES[0]["answer"].keys() == shown[0]["answer"].keys()
    assert SAMPLES[0]["posts"][0]["answers"].keys() == shown[0]["posts"][0]["answers"].keys()


def test_a_users_part_replaces_ours_and_the_rest_stays() -> None:
    files = {
        "slack.ja.j2": "{% macro headline(a) %}火事だ: {{ a.brand }}{% endmacro %}",
        "base.ja.j2": "{% macro headline(a) %}皆へ{% endmacro %}{% macro status(a) %}状態{% endmacro %}",
    }
    own = Templates(files)
    assert list(own.faults()) == []
    assert own.strictly("slack", "ja", "headline", SAMPLES[0]) == "火事だ: アクメ"
    assert own.strictly("line", "ja", "headline", SAMPLES[0]) == "皆へ"
    assert own.strictly("slack", "ja", "status", SAMPLES[0]) == "状態"
    assert own.strictly("slack", "ja", "facts", SAMPLES[0]) == built_in().strictly("slack", "ja", "facts", SAMPLES[0])
    assert own.strictly("slack", "en", "headline", SAMPLES[0]) == built_in().strictly(
        "slack", "en", "headline", SAMPLES[0]
    )
    # ours ask for parts too: the mail's text has the user's words
    assert "皆へ" in own.strictly("email", "ja", "text", SAMPLES[0])


FAULTS = {
    "a name that is none": ({"slak.ja.j2": ""}, ["slak.ja.j2: is no template's name; did you mean `slack.ja.j2`?"]),
    "a language that is none": ({"slack.fr.j2": ""}, ["slack.fr.j2: is no template's name; did you mean `slack.ja.j2"]),
    "syntax": ({"line.en.j2": "\n{% macro headline(a) %}{{ a. }}"}, ["line.en.j2:2: syntax: "]),
    "a filter that is none": (
        {"line.en.j2": "{% macro headline(a) %}\n{{ a.brand | nope }}{% endmacro %}"},
        ["line.en.j2:2: syntax: No filter named 'nope'."],
    ),
    "a part that is none": (
        {"line.en.j2": "\n\n{% macro hedline(a) %}{% endmacro %}"},
        ["line.en.j2:3: hedline: is no part of a message; did you mean `headline`?"],
    ),
    "a value that is none": (
        {"line.ja.j2": "{% macro headline(a) %}\n\n{{ a.brnd }}{% endmacro %}"},
        ["line.ja.j2:3: can't be filled in: 'dict object' has no attribute 'brnd'"],
    ),
    "a value that is not always there": (
        {"line.ja.j2": "{% macro headline(a) %}{{ a.spread.quotes }}{% endmacro %}"},
        ["line.ja.j2:1: can't be filled in: 'None' has no attribute 'quotes'"],
    ),
    "out of the sandbox": (
        {"base.en.j2": "{% macro why(a) %}{{ ''.__class__.__mro__ }}{% endmacro %}"},
        ["base.en.j2:1: can't be filled in: access to attribute '__class__' of 'str' object is unsafe."],
    ),
    "text outside of any part": ({"slack.ja.j2": "{{ a.brand }}です"}, ["slack.ja.j2: holds no part of a message"]),
    "a value outside of any part": (
        {"slack.ja.j2": "\n{{ a.brand }}{% macro status(a) %}x{% endmacro %}"},
        ["slack.ja.j2:2: can't be filled in: 'a' is undefined"],
    ),
    "another file": (
        {"slack.ja.j2": "{% import 'base.en.j2' as b %}{% macro status(a) %}{{ b.status(a) }}{% endmacro %}"},
        ["slack.ja.j2:1: can't be filled in: base.en.j2"],
    ),
    "endless": (
        {"base.en.j2": "{% macro why(a) %}{% for n in range(99999) %}xxxxxxxxxx{% endfor %}{% endmacro %}"},
        ["base.en.j2: why is longer than 200000"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_faults_name_file_and_line(name: str) -> None:
    files, expected = FAULTS[name]
    told = [str(fault) for fault in Templates(files, Path("config/templates")).faults()]
    assert len(told) == len(expected)
    for fault, begins in zip(told, expected, strict=True):
        assert fault.startswith(f"config/templates/{begins}")


def test_a_template_that_fails_at_night_gives_way_to_ours() -> None:
    own = Templates({"line.ja.j2": "{% macro headline(a) %}{{ a.links.incident }}{% endmacro %}"})
    text, fault = own.rendered("line", "ja", "headline", SAMPLES[1])
    assert text == built_in().strictly("line", "ja", "headline", SAMPLES[1])
    assert fault is not None
    assert fault.startswith("templates/line.ja.j2:1: ")
    with pytest.raises(TemplateFaultError):
        own.strictly("line", "ja", "headline", SAMPLES[1])


@pytest.mark.parametrize("text", ["{{ a.brand }}です", "{{ 1 / 0 }}{% macro status(a) %}x{% endmacro %}"])
def test_what_stands_outside_of_any_part_stops_no_message(text: str) -> None:
    """A file without a part was taken, and then failed every message of its channel."""
    told, fault = Templates({"slack.ja.j2": text}).rendered("slack", "ja", "headline", SAMPLES[0])
    assert told == built_in().strictly("slack", "ja", "headline", SAMPLES[0])
    assert fault is not None


def test_html_escapes_what_people_wrote() -> None:
    sample = {**SAMPLES[0], "posts": [{**SAMPLES[0]["posts"][0], "text": "<script>alert(1)</script>", "name": "<b>"}]}
    html = built_in().strictly("email_html", "ja", "html", sample, colour="#000000")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<b>" not in html
