"""The tool `submit`: what is accepted, and what is sent back."""

from __future__ import annotations

from agents import Expected
from sandbox import Sandbox
from tests.agents.hands import MAKE, Hands


async def test_a_sound_hand_in_is_accepted(sandbox: Sandbox) -> None:
    hand = Hands(sandbox, expected=(Expected(path="*.docx"), Expected(path="*.zip", required=False)))
    await hand(
        "python",
        code=MAKE + "import shutil\nfor n in 'docx xlsx pdf png'.split(): shutil.copy('a.'+n, 'deliverables/')",
    )
    files = [
        "/job/deliverables/a.docx",
        {"path": "a.xlsx", "note": "n"},
        {"path": "deliverables/a.pdf"},
        {"path": "./a.png"},
    ]
    outcome = await hand("submit", files=files, summary="All of it.")
    assert not outcome.is_error, outcome.text
    assert outcome.facts == {"submitted": True, "note": "All of it."}


BAD = """
import os
os.chdir("deliverables")
bad = {"empty.txt": "", "blank.csv": "  \\n", "fake.xlsx": "no", "fake.pdf": "no", "bad.json": "{"}
for name, text in bad.items():
    open(name, "w").write(text)
open("cut.png", "wb").write(b"\\x89PNG\\r\\n\\x1a\\n"); os.symlink("/etc/passwd", "link.txt")
import openpyxl; openpyxl.Workbook().save("hollow.xlsx"); os.mkfifo("pipe.txt")
"""


async def test_what_is_wrong_with_a_hand_in_is_named_file_by_file(sandbox: Sandbox) -> None:
    hand = Hands(sandbox, expected=(Expected(path="*.docx"), Expected(path="*.pptx", required=False)))
    await hand("python", code=BAD)
    names = [
        "empty.txt",
        "blank.csv",
        "fake.xlsx",
        "fake.pdf",
        "cut.png",
        "bad.json",
        "link.txt",
        "hollow.xlsx",
        "pipe.txt",
    ]
    outcome = await hand("submit", files=[*names, "none.txt", "/etc/passwd", "../x"], summary="")
    assert outcome.is_error
    assert outcome.facts == {"sent_back": True}
    lines = outcome.text.splitlines()
    for name, says in [
        ("empty.txt", "is empty"),
        ("blank.csv", "nothing but blanks"),
        ("fake.xlsx", "does not open"),
        ("fake.pdf", "does not open"),
        ("cut.png", "does not open"),
        ("bad.json", "does not open"),
        ("link.txt", "regular file"),
        ("hollow.xlsx", "no filled cell"),
        ("pipe.txt", "regular file"),
        ("none.txt", "not exist"),
        ("/etc/passwd", "is not below"),
        ("../x", "is not below"),
        ("`*.docx`", "asks for"),
    ]:
        assert [line for line in lines if name in line and says in line], (name, outcome.text)
    assert "pptx" not in outcome.text


async def test_an_unsound_hand_in_is_sent_back_twice_and_then_accepted(sandbox: Sandbox) -> None:
    outcomes = [
        await Hands(sandbox, sent_back=times)("submit", files=[], summary="Nothing.") for times in (0, 1, 2)
    ]
    assert [outcome.is_error for outcome in outcomes] == [True, True, False]
    assert outcomes[0].facts == {"sent_back": True}
    assert outcomes[2].facts["submitted"]
    assert outcomes[2].facts["problems"] == ["`files` is empty: name the files that you hand in"]
