from __future__ import annotations

import asyncio

import pytest

from sandbox import Command, Sandbox
from tests.sandbox.contract.helpers import Openings, sh

pytestmark = pytest.mark.asyncio(loop_scope="session")

LEAVERS = {
    "plain": "sleep {0} & sleep {0}",
    "setsid": "setsid sleep {0} & sleep {0}",
    "double fork": "( (setsid bash -c 'sleep {0} & sleep {0}' &) & ); sleep {0}",
    "env -i": "env -i setsid sleep {0} & sleep {0}",
    "double fork and env -i": "( (env -i setsid sleep {0} &) & ); sleep {0}",
    "closed streams": "( (env -i setsid sleep {0} <&- >&- 2>&- &) & ); sleep {0}",
    "nohup": "nohup sleep {0} >/dev/null 2>&1 & disown; sleep {0}",
    "ignored signals": "trap '' TERM INT HUP; (trap '' TERM; sleep {0}; sleep {0}) & sleep {0}",
}


async def alive(box: Sandbox, seconds: int) -> int:
    """How many `sleep` of that length live in the sandbox (dead ones that nobody reaped do not count)."""
    code = (
        "import os\nn = 0\nfor p in os.listdir('/proc'):\n    if p.isdigit():\n        try:\n"
        "            words = open(f'/proc/{p}/cmdline', 'rb').read().split(b'\\0')\n"
        f"            n += words[:2] == [b'sleep', b'{seconds}']\n"
        "        except OSError:\n            pass\nprint(n)"
    )
    return int((await box.run(Command(argv=("python3", "-S", "-c", code)))).stdout.text)


@pytest.mark.parametrize("how", LEAVERS)
async def test_the_deadline_leaves_no_survivor(box: Sandbox, how: str) -> None:
    number = 7000 + list(LEAVERS).index(how)
    result = await sh(box, LEAVERS[how].format(number), seconds=0.7)
    assert (result.timed_out, result.exit_code) == (True, -9)
    assert result.seconds < 60
    assert await alive(box, number) == 0


@pytest.mark.parametrize("how", LEAVERS)
async def test_a_deadline_beside_another_command_kills_only_its_own(box: Sandbox, how: str) -> None:
    number = 7100 + list(LEAVERS).index(how)
    await sh(box, f"mkfifo /tmp/begun-{number} /tmp/go-{number}")
    waits = f"echo > /tmp/begun-{number}; read line < /tmp/go-{number}; echo $line"
    other = asyncio.create_task(sh(box, waits, seconds=120))
    assert (await sh(box, f"cat /tmp/begun-{number}", seconds=120)).exit_code == 0
    result = await sh(box, LEAVERS[how].format(number), seconds=0.7)
    assert result.timed_out
    assert await alive(box, number) == 0
    assert not other.done()
    assert (await sh(box, f"echo lived > /tmp/go-{number}", seconds=120)).exit_code == 0
    assert (await other).stdout.text == "lived\n"


async def test_survivors_of_a_normal_end_are_killed(box: Sandbox) -> None:
    result = await sh(box, "(env -i setsid sleep 7201 &) & sleep 0.1; echo done")
    assert (result.stdout.text, result.exit_code) == ("done\n", 0)
    assert await alive(box, 7201) == 0


async def test_a_background_process_may_be_kept(openings: Openings) -> None:
    box = await openings()
    result = await sh(box, "sleep 7202 & echo started", keep=True)
    assert result.stdout.text == "started\n"
    assert result.seconds < 60
    assert await alive(box, 7202) == 1
    await sh(box, "sleep 7203 & true")
    assert (await alive(box, 7202), await alive(box, 7203)) == (1, 0)


async def test_a_kept_process_may_go_on_writing(openings: Openings) -> None:
    box = await openings()
    line = "(for i in $(seq 1 4000); do echo line $i; done; sleep 0.3; echo last; touch /job/end) & echo first"
    result = await box.run(Command(argv=("bash", "-c", line), keep_background=True, spill="/job/log"))
    assert result.stdout.text.startswith(("first", "line"))
    for _ in range(600):
        if (await sh(box, "test -e /job/end")).exit_code == 0:
            break
        await asyncio.sleep(0.1)
    assert (await box.read("/job/log", max_bytes=1_000_000)).endswith(b"last\n")


async def test_the_deadline_kills_what_a_command_wanted_to_keep(box: Sandbox) -> None:
    result = await sh(box, "setsid sleep 7204 & sleep 7204", seconds=0.5, keep=True)
    assert result.timed_out
    assert await alive(box, 7204) == 0


async def test_output_written_before_the_deadline_comes_back(box: Sandbox) -> None:
    result = await sh(box, "echo early; echo note >&2; sleep 600", seconds=2)
    assert (result.stdout.text, result.stderr.text, result.timed_out) == ("early\n", "note\n", True)


async def test_a_child_that_holds_the_pipe_does_not_delay_the_answer(box: Sandbox) -> None:
    result = await sh(box, "sleep 60 & echo now")
    assert result.stdout.text == "now\n"
    assert result.seconds < 50


async def test_a_cancelled_command_is_killed(box: Sandbox) -> None:
    task = asyncio.create_task(sh(box, "sleep 7205"))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60):
        while (left := await alive(box, 7205)) > 0:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.1)
    assert left == 0


async def test_a_command_that_forks_without_end_is_ended(box: Sandbox) -> None:
    result = await sh(box, "f() { setsid sleep 7206 & sleep 0.01; f; }; f", seconds=1.0)
    assert result.timed_out
    assert await alive(box, 7206) == 0
    assert (await sh(box, "echo on")).stdout.text == "on\n"
