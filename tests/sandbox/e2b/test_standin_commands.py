"""envd's commands, through the real SDK: each value was measured on a real envd."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from e2b import (
    AsyncSandbox,
    AuthenticationException,
    CommandExitException,
    InvalidArgumentException,
    NotFoundException,
    PtySize,
    Sandbox,
    SandboxException,
    TimeoutException,
)

from tests.standins.e2b import E2BCloud


@pytest_asyncio.fixture
async def box(e2b_cloud: E2BCloud) -> AsyncIterator[AsyncSandbox]:
    yield await AsyncSandbox.create(**e2b_cloud.options)


async def test_output_of_both_kinds_and_the_exit_code(box: AsyncSandbox) -> None:
    result = await box.commands.run("echo out; echo err >&2")
    assert (result.stdout, result.stderr, result.exit_code, result.error) == ("out\n", "err\n", 0, None)


async def test_another_exit_code_is_an_exception(box: AsyncSandbox) -> None:
    with pytest.raises(CommandExitException) as raised:
        await box.commands.run("echo part; exit 7")
    error = raised.value
    assert (error.exit_code, error.stdout, error.error) == (7, "part\n", "exit status 7")


async def test_a_login_shell_in_a_folder_with_variables(box: AsyncSandbox) -> None:
    line = "pwd; echo $FOO; ps -o args= -p $$; shopt -q login_shell && echo login"
    rows = (await box.commands.run(line, envs={"FOO": "bar"}, cwd="/tmp")).stdout.splitlines()
    assert rows[:2] == ["/tmp", "bar"]
    assert rows[2].startswith("/bin/bash -l -c pwd;")
    assert rows[3] == "login"


@pytest.mark.parametrize(
    ("user", "told"), [(None, "user:1000:/home/user"), ("user", "user:1000:/home/user"), ("root", "root:0:/root")]
)
async def test_users(box: AsyncSandbox, user: str | None, told: str) -> None:
    result = await box.commands.run("echo $(id -un):$(id -u):$PWD; echo $HOME $USER", user=user)
    name, _, home = told.split(":")
    assert result.stdout.splitlines() == [told, f"{home} {name}"]


async def test_a_user_that_is_not_there(box: AsyncSandbox) -> None:
    with pytest.raises(AuthenticationException):
        await box.commands.run("id", user="nobody-at-all")


async def test_a_folder_that_is_not_there(box: AsyncSandbox) -> None:
    with pytest.raises(InvalidArgumentException, match="'/nope' does not exist"):
        await box.commands.run("pwd", cwd="/nope")


async def test_output_comes_as_it_is_written(box: AsyncSandbox) -> None:
    chunks: list[tuple[str, float]] = []
    await box.commands.run(
        "for i in 1 2 3; do echo $i; sleep 0.7; done",
        on_stdout=lambda text: chunks.append((text, time.monotonic())),
    )
    assert [text for text, _ in chunks] == ["1\n", "2\n", "3\n"]
    assert chunks[2][1] - chunks[0][1] > 1


async def test_a_timeout_ends_the_leader_and_it_alone(box: AsyncSandbox) -> None:
    started = time.monotonic()
    with pytest.raises(TimeoutException):
        await box.commands.run("sleep 300 & echo started; sleep 310", timeout=1)
    assert 0.9 < time.monotonic() - started < 200
    await asyncio.sleep(0.2)
    left = await box.commands.run("pgrep -xa sleep")
    assert "sleep 300" in left.stdout
    assert "bash" not in (await box.commands.run("pgrep -fa 'echo started' | grep -v pgrep || true")).stdout


async def test_a_kill_ends_the_leader_and_it_alone(box: AsyncSandbox) -> None:
    running = await box.commands.run("sleep 32 & sleep 33", background=True)
    await box.commands.run("until pgrep -xf 'sleep 32' && pgrep -xf 'sleep 33'; do sleep 0.05; done")
    assert await box.commands.kill(running.pid)
    with pytest.raises(CommandExitException) as raised:
        await running.wait()
    assert raised.value.exit_code == -1
    assert raised.value.error == "signal: killed"
    assert not await box.commands.kill(running.pid)
    assert "sleep 32" in (await box.commands.run("pgrep -xa sleep")).stdout


async def test_a_pipe_held_by_a_child_delays_the_end(box: AsyncSandbox) -> None:
    started = time.monotonic()
    assert (await box.commands.run("sleep 1 & echo now")).stdout == "now\n"
    assert time.monotonic() - started > 0.9


async def test_no_timeout_when_it_is_nought(box: AsyncSandbox) -> None:
    assert (await box.commands.run("sleep 0.5; echo done", timeout=0)).stdout == "done\n"


async def test_input(box: AsyncSandbox) -> None:
    running = await box.commands.run("cat; echo done", background=True, stdin=True)
    assert running.pid in [one.pid for one in await box.commands.list()]
    await box.commands.send_stdin(running.pid, "hello\n")
    await box.commands.send_stdin(running.pid, "x" * 300_000 + "\n")
    await box.commands.close_stdin(running.pid)
    result = await running.wait()
    assert (result.stdout[:6], len(result.stdout), result.stdout[-6:]) == ("hello\n", 6 + 300_001 + 5, "\ndone\n")


async def test_streamed_input(box: AsyncSandbox) -> None:
    running = await box.commands.run("head -n 3", background=True, stdin=True)
    async with box.commands.stream_input(running.pid) as given:
        for line in ("1\n", "2\n", "3\n"):
            await given.send(line)
    assert (await running.wait()).stdout == "1\n2\n3\n"


async def test_input_where_there_is_none(box: AsyncSandbox) -> None:
    running = await box.commands.run("cat; sleep 30", background=True)
    with pytest.raises(SandboxException, match="stdin not enabled"):
        await box.commands.send_stdin(running.pid, "x")
    with pytest.raises(NotFoundException):
        await box.commands.send_stdin(99999, "x")


async def test_a_new_listener_hears_only_what_comes(box: AsyncSandbox) -> None:
    line = "for i in 1 2 3 4 5 6; do echo t$i; sleep 0.6; done"
    running = await box.commands.run(line, background=True)
    await asyncio.sleep(0.1)
    await running.disconnect()
    await asyncio.sleep(0.4)
    result = await (await box.commands.connect(running.pid)).wait()
    assert "t1" not in result.stdout
    assert "t6" in result.stdout
    with pytest.raises(NotFoundException):
        await box.commands.connect(running.pid)


async def test_two_listeners_hear_the_same(box: AsyncSandbox) -> None:
    running = await box.commands.run("sleep 0.3; seq 20000", background=True)
    other = await box.commands.connect(running.pid)
    one, two = await asyncio.gather(running.wait(), other.wait())
    assert one.stdout == two.stdout
    assert one.stdout.endswith("20000\n")


async def test_much_output(box: AsyncSandbox) -> None:
    result = await box.commands.run("head -c 20000000 /dev/zero | tr '\\0' a; echo end >&2")
    assert len(result.stdout) == 20_000_000
    assert result.stderr == "end\n"


async def test_many_at_once(box: AsyncSandbox) -> None:
    results = await asyncio.gather(*(box.commands.run(f"echo {number}") for number in range(40)))
    assert [result.stdout for result in results] == [f"{number}\n" for number in range(40)]


async def test_a_program_that_is_not_there(box: AsyncSandbox) -> None:
    with pytest.raises(CommandExitException) as raised:
        await box.commands.run("no-such-program")
    assert raised.value.exit_code == 127


async def test_death_by_a_signal(box: AsyncSandbox) -> None:
    with pytest.raises(CommandExitException) as raised:
        await box.commands.run("kill -SEGV $$")
    assert (raised.value.exit_code, raised.value.error) == (-1, "signal: segmentation fault")


async def test_a_terminal(box: AsyncSandbox) -> None:
    written: list[bytes] = []
    terminal = await box.pty.create(PtySize(rows=24, cols=80), on_data=written.append)
    await box.pty.send_stdin(terminal.pid, b"stty size; echo $((6*7))\n")
    async with asyncio.timeout(60):
        while b"42" not in b"".join(written):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await box.pty.resize(terminal.pid, PtySize(rows=30, cols=100))
    await box.pty.send_stdin(terminal.pid, b"stty size; exit\n")
    assert (await terminal.wait()).exit_code == 0
    shown = b"".join(written)
    for part in (b"24 80", b"42", b"30 100"):
        assert part in shown, shown


def test_the_blocking_sdk(e2b_cloud: E2BCloud) -> None:
    with Sandbox.create(**e2b_cloud.options, envs={"OF": "the sandbox"}) as box:
        assert box.commands.run("echo $OF").stdout == "the sandbox\n"
        with pytest.raises(TimeoutException):
            box.commands.run("sleep 30", timeout=0.3)
        running = box.commands.run("sleep 30", background=True)
        assert running.kill()
        assert box.is_running()
