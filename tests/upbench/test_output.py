"""What agents and models have said is shown to people, and never obeyed by their terminal."""

from __future__ import annotations

import json

import pytest

from upbench.cli.output import emit, say

# Writes the clipboard; colours; the same introducer as one character; turns text round; breaks a line unseen.
HOSTILE = "\x1b]52;c;cHduZWQ=\x07 \x1b[31m \x9b2J a\u202eb\u2066c\u2028d \r\x08\x7f"


@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_that_a_terminal_obeys_is_printed(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    emit({"said": HOSTILE}, HOSTILE, as_json=as_json)
    say(HOSTILE)
    out, err = capsys.readouterr()
    for text in (out, err):
        assert text.rstrip("\n").isprintable()
        assert text.endswith("\n")
    assert "\\u001b[31m" in out
    assert not as_json or json.loads(out) == {"said": HOSTILE}


def test_other_text_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    text = "Größe 10\u00a0%\n\t日本 \U0001f469\u200d\U0001f52c"
    emit({}, text, as_json=False)
    assert capsys.readouterr().out == text + "\n"
