from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest

from agents import Expected
from agents.presets import PRESETS, tools_of
from agents.tools.base import OUTPUT_BYTES, ToolContext, use
from core import ToolCall
from sandbox import Sandbox
from tests.agents.hands import MAKE, Hands


def test_the_presets_have_the_tools_that_scripts_rely_on() -> None:
    names = {preset: [tool.name for tool in tools] for preset, tools in PRESETS.items()}
    assert names == {
        "standard": ["shell", "python", "edit", "read_document", "view_image", "todo", "submit"],
        "paper": [
            *("list_files", "read_file", "write_file", "write_docx", "write_pdf", "write_xlsx", "write_csv"),
            "submit",
        ],
    }


def test_the_schemas_use_only_what_every_provider_takes() -> None:
    text = json.dumps([tool.spec.parameters for tools in PRESETS.values() for tool in tools])
    assert not [word for word in ("$ref", "$defs", '"default"', "allOf", "oneOf") if word in text]
    for tools in PRESETS.values():
        for tool in tools:
            assert tool.spec.parameters["type"] == "object"
            assert tool.spec.parameters["additionalProperties"] is False
    document = {tool.name: tool for tool in PRESETS["paper"]}["write_docx"].spec.parameters
    assert document["properties"]["title"] == {"type": "string"}


async def test_shell_shows_both_streams_in_order_and_the_exit_code(sandbox: Sandbox) -> None:
    hand = Hands(sandbox)
    good = await hand("shell", command="echo one; echo two >&2; echo three; pwd")
    assert good.text.startswith("one\ntwo\nthree\n/job\n[exit code 0")
    assert not good.is_error
    bad = await hand("shell", command="exit 3")
    assert bad.is_error
    assert bad.text.startswith("(no output)\n[exit code 3")


async def test_long_output_is_cut_in_the_middle_and_kept_whole(sandbox: Sandbox) -> None:
    hand = Hands(sandbox)
    outcome = await hand("shell", command="seq 1 20000")
    assert outcome.text.startswith("1\n2\n")
    assert "20000\n[exit code 0" in outcome.text
    assert "/job/.runs/0001.out" in outcome.text
    assert len(outcome.text.encode()) < OUTPUT_BYTES + 500
    whole = await hand("shell", command="tail -1 /job/.runs/0001.out; wc -l < /job/.runs/0001.out")
    assert whole.text.startswith("20000\n20000\n")


async def test_a_command_ends_at_its_deadline_and_at_the_attempts(sandbox: Sandbox) -> None:
    outcome = await Hands(sandbox)("shell", command="sleep 30 & sleep 30", timeout_seconds=0.5)
    assert "stopped after" in outcome.text
    assert outcome.is_error
    patient = await Hands(sandbox)("shell", command="echo ok", timeout_seconds=1e6)
    assert patient.text.startswith("ok")
    short = await Hands(sandbox, seconds_left=1.0)("shell", command="sleep 30")
    assert "stopped after 1 s" in short.text


async def test_a_background_job_goes_on_and_can_be_ended(sandbox: Sandbox) -> None:
    hand = Hands(sandbox)
    started = await hand("shell", command="while true; do echo tick; sleep 0.1; done", background=True)
    assert not started.is_error
    process = started.text.split("process ")[1].split(".")[0]
    seen = await hand("shell", command="sleep 0.5; grep -c tick /job/.runs/0001.out")
    assert int(seen.text.split("\n")[0]) >= 2
    ended = await hand(
        "shell", command=f"kill -- -{process} && sleep 0.2; kill -0 {process} 2>/dev/null || echo gone"
    )
    assert "gone" in ended.text


async def test_python_runs_in_the_workspace_with_the_toolbox(sandbox: Sandbox) -> None:
    hand = Hands(sandbox)
    outcome = await hand("python", code="import openpyxl, os\nprint(os.getcwd())\nprint('é', 1/0)")
    assert outcome.text.startswith("/job\nTraceback")
    assert "ZeroDivisionError" in outcome.text
    assert outcome.is_error


async def test_edit_creates_views_replaces_and_inserts(sandbox: Sandbox) -> None:
    hand = Hands(sandbox)
    assert not (await hand("edit", action="create", path="notes/a.txt", text="one\ntwo\n")).is_error
    assert (await hand("edit", action="view", path="/job/notes/a.txt")).text == "     1\tone\n     2\ttwo"
    assert not (await hand("edit", action="replace", path="notes/a.txt", old="two", new="zwei")).is_error
    assert not (await hand("edit", action="insert", path="notes/a.txt", line=1, text="half")).is_error
    assert await sandbox.read("/job/notes/a.txt", max_bytes=100) == b"one\nhalf\nzwei\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"action": "view", "path": "none.txt"}, "no file /job/none.txt"),
        ({"action": "create", "path": "x.txt"}, "`text` is missing"),
        ({"action": "create", "path": "/etc/x", "text": "a"}, "/etc/x"),
        ({"action": "create", "path": "inputs/x", "text": "a"}, "/job/inputs/x"),
        ({"action": "replace", "path": "twice.txt", "old": "a", "new": "b"}, "occurs 2 times"),
        ({"action": "replace", "path": "twice.txt", "old": "q", "new": "b"}, "does not occur"),
        ({"action": "replace", "path": "twice.txt", "old": "", "new": "b"}, "needs `old`"),
        ({"action": "insert", "path": "twice.txt", "text": "x", "line": 9}, "only 1 lines"),
        ({"action": "view", "path": "latin.txt"}, "not UTF-8"),
        ({"action": "view", "path": "/job"}, "/job"),
        ({"action": "remove", "path": "x"}, "`action`"),
        ({"action": "view"}, "`path`"),
        ({"action": "view", "path": "x", "colour": "red"}, "`colour`"),
    ],
)
async def test_a_wrong_edit_is_told_to_the_model(sandbox: Sandbox, arguments: dict[str, Any], says: str) -> None:
    await sandbox.write("/job/twice.txt", b"a a\n")
    await sandbox.write("/job/latin.txt", "é".encode("latin-1"))
    outcome = await Hands(sandbox)("edit", **arguments)
    assert outcome.is_error
    assert says in outcome.text
    assert await sandbox.read("/job/twice.txt", max_bytes=10) == b"a a\n"


async def test_read_document_reads_every_common_kind(sandbox: Sandbox) -> None:
    hand = Hands(sandbox)
    made = await hand("python", code=MAKE)
    assert not made.is_error, made.text
    wanted = {
        "a.docx": ["# Offer", "First words", "| left | right |"],
        "a.pptx": ["slide 1 of 1", "Hello", "[notes] say hi"],
        "a.xlsx": ["sheet 1 of 1: Sum", "1\tx\t2", "=B1*2 -> (not calculated)"],
        "a.pdf": ["page 1 of 2", "page one", "page two"],
        "a.png": ["4000 x 1000"],
        "a.html": ["more", "[b.html]"],
        "latin.txt": ["größer"],
        "a.ipynb": ["1+1", "[output] 2"],
        "a.zip": ["inner.txt"],
        "inputs/prices.csv": ["3 rows", "separator ';'", "bolt;1,20"],
    }
    for path, phrases in wanted.items():
        outcome = await hand("read_document", path=path)
        assert not outcome.is_error, outcome.text
        assert not [phrase for phrase in phrases if phrase not in outcome.text], (path, outcome.text)
    second = await hand("read_document", path="a.pdf", pages="2")
    assert "page two" in second.text
    assert "page one" not in second.text


@pytest.mark.parametrize(
    ("path", "pages", "says"),
    [
        ("none.pdf", None, "no such file"),
        ("blob.bin", None, "binary file"),
        ("inputs", None, "not a file"),
        ("broken.xlsx", None, "BadZipFile"),
        ("inputs/prices.csv", "two", "names no pages"),
        ("inputs/prices.csv", "1-5000", "more than 1000"),
    ],
)
async def test_a_document_that_cannot_be_read_is_told_why(
    sandbox: Sandbox, path: str, pages: str | None, says: str
) -> None:
    await sandbox.write("/job/blob.bin", bytes(range(256)))
    await sandbox.write("/job/broken.xlsx", b"no zip")
    outcome = await Hands(sandbox)("read_document", path=path, **({"pages": pages} if pages else {}))
    assert outcome.is_error
    assert says in outcome.text


async def test_view_image_scales_and_renders(sandbox: Sandbox) -> None:

    hand = Hands(sandbox)
    await hand("python", code=MAKE)
    for path, page in (("a.png", 1), ("a.pdf", 2)):
        outcome = await hand("view_image", path=path, page=page)
        assert not outcome.is_error, outcome.text
        image = outcome.images[0]
        assert image.media_type == "image/png"
        width, height = struct.unpack(">II", image.data[16:24])
        assert max(width, height) <= 1568
    assert "4000 x 1000 px" in (await hand("view_image", path="a.png")).text
    for path, page, says in (
        ("a.pdf", 3, "2 pages"),
        ("a.html", 1, "UnidentifiedImageError"),
        ("q.png", 1, "no such"),
    ):
        outcome = await hand("view_image", path=path, page=page)
        assert outcome.is_error
        assert says in outcome.text


async def test_todo_counts(sandbox: Sandbox) -> None:
    outcome = await Hands(sandbox)("todo", items=[{"text": "read", "done": True}, "write"])
    assert outcome.text == "1 of 2 done\n[x] read\n[ ] write"


async def test_the_paper_tools_write_what_opens(sandbox: Sandbox) -> None:
    hand = Hands(sandbox, "paper", expected=(Expected(path="*.docx"),))
    paragraphs = ["# Part", "Some <b> words & more", "- point", "| a | b |\n|---|---|\n| 1 | 2 |"]
    wrote = [
        await hand("write_docx", path="a.docx", title="Über", paragraphs=paragraphs),
        await hand("write_pdf", path="/job/deliverables/a.pdf", title="Übergröße", paragraphs=paragraphs),
        await hand("write_xlsx", path="a.xlsx", sheets=[{"name": "S", "rows": [["x", 1.5, None, True], ["=A1"]]}]),
        await hand("write_csv", path="sub/a.csv", rows=[["x", 1], ["a,b", None]]),
        await hand("write_file", path="a.md", text="# Hi"),
    ]
    assert not [outcome.text for outcome in wrote if outcome.is_error]
    for path, says in (
        ("a.docx", "| 1 | 2 |"),
        ("a.pdf", "Übergröße"),
        ("a.xlsx", "1\tx\t1.5\t\tTrue"),
        ("sub/a.csv", '"a,b",'),
    ):
        outcome = await hand("read_file", path=f"deliverables/{path}")
        assert says in outcome.text, outcome.text
    listed = await hand("list_files")
    assert "/job/inputs/prices.csv" in listed.text
    assert "/job/deliverables/sub/a.csv" in listed.text
    done = await hand("submit", files=["a.docx", "a.pdf", "a.xlsx", "sub/a.csv", "a.md"], summary="s")
    assert done.facts.get("submitted"), done.text


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("write_file", {"path": "/job/inputs/x", "text": "a"}, "is not below"),
        ("write_file", {"path": "../x", "text": "a"}, "is not below"),
        ("write_docx", {"path": "a.txt", "paragraphs": []}, "ends in .docx"),
        ("write_xlsx", {"path": "a.xlsx", "sheets": []}, "`sheets`"),
        ("write_xlsx", {"path": "a.xlsx", "sheets": [{"name": "a/b", "rows": [[1]]}]}, "cannot be written"),
        ("read_file", {"path": "/etc/passwd"}, "not among the job's files"),
        ("read_file", {"path": "inputs/../../etc/passwd"}, "not among the job's files"),
        ("shell", {"command": "ls"}, "no tool `shell`"),
    ],
)
async def test_the_paper_tools_do_nothing_else(
    sandbox: Sandbox, name: str, arguments: dict[str, Any], says: str
) -> None:
    outcome = await Hands(sandbox, "paper")(name, **arguments)
    assert outcome.is_error
    assert says in outcome.text


@pytest.mark.parametrize(
    ("arguments", "raw", "says"),
    [
        (None, '{"command": "ls', "not a JSON object"),
        ({"command": None}, "", "`command`"),
        ({"command": ["ls"]}, "", "`command`"),
        ({"command": "a\0b"}, "", "NUL"),
        ({"command": "a\ud800"}, "", "half a character"),
        ({"command": "ls", "timeout_seconds": -1}, "", "`timeout_seconds`"),
        ({}, "{}", "`command`"),
    ],
)
async def test_a_malformed_call_is_told_to_the_model(
    sandbox: Sandbox, arguments: dict[str, Any] | None, raw: str, says: str
) -> None:
    call = ToolCall(id="c", name="shell", arguments=arguments, raw_arguments=raw)
    outcome = await use(tools_of("standard"), call, ToolContext(sandbox, 1))
    assert outcome.is_error
    assert says in outcome.text


async def test_what_no_api_takes_is_replaced(sandbox: Sandbox) -> None:
    hand = Hands(sandbox)
    assert (await hand("shell", command="printf 'a\\0b\\377'")).text.startswith("a\ufffdb\ufffd")
    await sandbox.write("/job/blank.txt", b"  \n\n")
    assert (await hand("read_document", path="blank.txt")).text == "(nothing)"


async def test_null_is_the_same_as_left_out(sandbox: Sandbox) -> None:
    hand = Hands(sandbox)
    assert (await hand("todo", items=[{"text": "read", "done": None}])).text.endswith("[ ] read")
    assert not (await hand("shell", command="true", timeout_seconds=None, background=None)).is_error
    wrote = await Hands(sandbox, "paper")("write_csv", path="a.csv", rows=[["a", None, 1]])
    assert not wrote.is_error
    assert await sandbox.read("/job/deliverables/a.csv", max_bytes=20) == b"a,,1\r\n"


@pytest.mark.parametrize(
    "harm",
    [
        "rm -rf .runs; touch .runs",
        "rm -rf .runs; ln -s /etc .runs",
        "rm -rf .runs; mkdir .runs; for i in 2 3 4 5; do mkfifo .runs/000$i.out .runs/000$i.png; done",
        "mkdir -p .runs; chmod 000 .runs",
        "rm -rf deliverables",
        "rm -rf deliverables; ln -s /job/inputs deliverables",
        "rm -rf deliverables; echo x > deliverables",
        "mkdir -p deliverables; chmod 000 deliverables",
        "mkdir -p /tmp/.local/lib/python3.11/site-packages; "
        "echo 'import os; os._exit(7)' > /tmp/.local/lib/python3.11/site-packages/usercustomize.py",
    ],
)
async def test_what_an_agent_does_to_its_own_workspace_is_no_fault_of_ours(sandbox: Sandbox, harm: str) -> None:
    hand = Hands(sandbox)
    await hand("shell", command=harm)
    told = [
        await hand("shell", command="echo still here"),
        await hand("read_document", path="inputs/prices.csv"),
        await hand("view_image", path="inputs/prices.csv"),
        await hand("shell", command="echo b", background=True),
        await hand("edit", action="create", path="deliverables/a.txt", text="a"),
        await hand("submit", files=["prices.csv", "a.txt"], summary=""),
    ]
    assert "still here" in told[0].text
    assert told[-1].is_error


async def test_names_that_are_not_utf8_and_very_many_files_do_not_break_the_hand_in(sandbox: Sandbox) -> None:
    hand = Hands(sandbox)
    many = "import os\nfor i in range(1500): open(f'/job/deliverables/{i:04d}' + 'n' * 200, 'w').write('x')"
    await hand("python", code=many + "\nopen(b'/job/deliverables/\\xff.txt', 'w').write('x')")
    outcome = await hand("submit", files=["0000" + "n" * 200], summary="many")
    assert outcome.facts.get("submitted"), outcome.text


def test_the_inside_programs_need_nothing_of_ours() -> None:
    for path in (Path(__file__).parents[2] / "agents/tools/inside").glob("*.py"):
        imported = [line for line in io.StringIO(path.read_text()) if line.startswith(("import ", "from "))]
        assert not [line for line in imported if line.split()[1].split(".")[0] in {"agents", "core", "sandbox"}]
