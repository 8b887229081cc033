from __future__ import annotations

import asyncio
import time

import pytest

from sandbox import Command, Sandbox
from tests.sandbox.contract.helpers import sh

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_streams_are_kept_apart(box: Sandbox) -> None:
    result = await sh(box, "echo out; echo err >&2")
    assert (result.stdout.text, result.stderr.text, result.exit_code) == ("out\n", "err\n", 0)


async def test_no_output_is_empty(box: Sandbox) -> None:
    result = await box.run(Command(argv=("true",)))
    assert (result.stdout.text, result.stdout.total, result.stderr.total) == ("", 0, 0)


@pytest.mark.parametrize("code", [0, 1, 42, 255])
async def test_exit_codes_come_back(box: Sandbox, code: int) -> None:
    assert (await sh(box, f"exit {code}")).exit_code == code


@pytest.mark.parametrize("number", [9, 11, 15])
async def test_a_signal_is_a_negative_exit_code(box: Sandbox, number: int) -> None:
    result = await sh(box, f"kill -{number} $$; sleep 5")
    assert (result.exit_code, result.timed_out) == (-number, False)


async def test_a_missing_program_is_127_as_in_a_shell(box: Sandbox) -> None:
    result = await box.run(Command(argv=("no-such-program", "x")))
    assert result.exit_code == 127
    assert "no-such-program" in result.stderr.text


async def test_what_is_no_program_is_126(box: Sandbox) -> None:
    await box.write("/tmp/plain.txt", b"text")
    assert (await box.run(Command(argv=("/tmp/plain.txt",)))).exit_code == 126


async def test_a_missing_folder_to_run_in_is_said(box: Sandbox) -> None:
    result = await box.run(Command(argv=("true",), cwd="/job/nowhere"))
    assert result.exit_code == 126
    assert "/job/nowhere" in result.stderr.text


async def test_a_nul_in_an_argument_is_an_answer_not_a_crash(box: Sandbox) -> None:
    result = await box.run(Command(argv=("echo", "a\0b")))
    assert result.exit_code == 126
    assert (await box.run(Command(argv=("echo", "on")))).stdout.text == "on\n"


async def test_arguments_are_passed_as_they_are(box: Sandbox) -> None:
    odd = ("printf", "%s|", "a b", "$HOME", "*", "", "-n", "quote'\"", "new\nline")
    assert (await box.run(Command(argv=odd))).stdout.text == "|".join(odd[2:]) + "|"


async def test_unicode_goes_both_ways(box: Sandbox) -> None:
    text = "Grüße 東京 🦊 \u0301"
    result = await box.run(Command(argv=("cat",), stdin=text.encode()))
    named = await box.run(Command(argv=("printf", "%s", text)))
    assert result.stdout.text == named.stdout.text == text


async def test_invalid_utf8_is_replaced_in_the_text_and_kept_in_the_bytes(box: Sandbox) -> None:
    result = await sh(box, r"printf 'a\xff\xfeb'")
    assert result.stdout.head + result.stdout.tail == b"a\xff\xfeb"
    assert result.stdout.text == "a\ufffd\ufffdb"


async def test_every_byte_value_survives(box: Sandbox) -> None:
    data = bytes(range(256)) * 64
    result = await box.run(Command(argv=("cat",), stdin=data))
    assert result.stdout.head + result.stdout.tail == data


async def test_large_stdin_reaches_its_end(box: Sandbox) -> None:
    result = await box.run(Command(argv=("wc", "-c"), stdin=b"x" * 5_000_000))
    assert result.stdout.text.strip() == "5000000"


async def test_stdin_larger_than_a_request_is_refused_and_the_sandbox_lives(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="standard input"):
        await box.run(Command(argv=("cat",), stdin=bytes((64 << 20) + 1)))
    assert (await box.run(Command(argv=("wc", "-c"), stdin=bytes(64 << 20)))).stdout.text.strip() == str(64 << 20)


async def test_stdin_that_nobody_reads_does_not_hang(box: Sandbox) -> None:
    result = await box.run(Command(argv=("true",), stdin=b"x" * 1_000_000))
    assert result.exit_code == 0


async def test_without_stdin_a_reader_sees_its_end(box: Sandbox) -> None:
    assert (await box.run(Command(argv=("cat",), timeout_seconds=10))).timed_out is False


async def test_large_output_keeps_head_and_tail(box: Sandbox) -> None:
    result = await sh(box, "echo START; head -c 20000000 /dev/zero | tr '\\0' a; echo END")
    assert result.stdout.total == 20_000_010
    assert result.stdout.text.startswith("START\naaa")
    assert result.stdout.text.endswith("aaaEND\n")
    assert len(result.stdout.head) + len(result.stdout.tail) == 64 * 1024
    assert f"{result.stdout.omitted} bytes omitted" in result.stdout.text


async def test_a_command_may_ask_for_less_output(box: Sandbox) -> None:
    command = Command(argv=("bash", "-c", "seq 1 100000; seq 1 100000 >&2"), output_bytes=100)
    result = await box.run(command)
    assert len(result.stdout.head) + len(result.stdout.tail) == 100
    assert len(result.stderr.head) + len(result.stderr.tail) == 100
    assert result.stdout.text.endswith("100000\n")


async def test_no_output_at_all_may_be_asked_for(box: Sandbox) -> None:
    result = await box.run(Command(argv=("seq", "1000"), output_bytes=0))
    assert (result.stdout.head, result.stdout.tail, result.stdout.total > 0) == (b"", b"", True)


async def test_the_whole_output_is_spilled(box: Sandbox) -> None:
    line = "seq 1 50000; echo oops >&2"
    result = await box.run(Command(argv=("bash", "-c", line), spill="/job/.runs/0001.out", output_bytes=64))
    spilled = await box.read("/job/.runs/0001.out", max_bytes=10_000_000)
    assert len(spilled) == result.stdout.total + result.stderr.total
    assert spilled.startswith(b"1\n2\n")
    assert b"25000\n" in spilled
    assert b"oops\n" in spilled


async def test_a_fifo_as_spill_file_does_not_hang(box: Sandbox) -> None:
    await sh(box, "rm -f /tmp/pipe; mkfifo /tmp/pipe")
    result = await box.run(Command(argv=("echo", "hi"), spill="/tmp/pipe", timeout_seconds=10))
    assert result.exit_code == 126


async def test_the_working_folder_is_the_workspace(box: Sandbox) -> None:
    assert (await sh(box, "pwd; test -d /job/deliverables && test -w /job && echo ok")).stdout.text == "/job\nok\n"


async def test_another_working_folder(box: Sandbox) -> None:
    result = await box.run(Command(argv=("pwd",), cwd="/tmp"))
    assert result.stdout.text == "/tmp\n"


async def test_environment_is_added_to_the_sandbox_s_own(box: Sandbox) -> None:
    command = Command(argv=("bash", "-c", "echo $COLOUR; echo $HOME; echo $PATH"), env={"COLOUR": "grün = 1"})
    lines = (await box.run(command)).stdout.text.splitlines()
    assert lines[0] == "grün = 1"
    assert lines[1] == "/tmp"
    assert "/usr/bin" in lines[2]
    assert (await sh(box, "echo [$COLOUR]")).stdout.text == "[]\n"


async def test_commands_run_side_by_side(box: Sandbox) -> None:
    started = time.monotonic()
    results = await asyncio.gather(*(sh(box, f"sleep 0.5; echo {number}") for number in range(16)))
    assert [result.stdout.text for result in results] == [f"{number}\n" for number in range(16)]
    assert time.monotonic() - started < 5 * 16


async def test_seconds_are_of_the_command(box: Sandbox) -> None:
    assert 0.3 <= (await sh(box, "sleep 0.3")).seconds < 25


async def test_python_finds_the_toolbox(box: Sandbox) -> None:
    code = "import openpyxl, docx, pptx, pandas, matplotlib, PIL, pypdf, reportlab; print(openpyxl.__file__)"
    result = await box.run(Command(argv=("python3", "-c", code), timeout_seconds=120))
    assert result.exit_code == 0, result.stderr.text
    assert result.stdout.text.startswith("/opt/toolbox/")


async def test_the_toolbox_draws_text(box: Sandbox) -> None:
    code = (
        "import matplotlib.pyplot as p; p.plot([1, 2]); p.title('Größe'); p.savefig('/tmp/a.png');"
        "from PIL import Image; print(Image.open('/tmp/a.png').size)"
    )
    result = await box.run(Command(argv=("python3", "-c", code), timeout_seconds=120))
    assert result.stdout.text.startswith("("), result.stderr.text
