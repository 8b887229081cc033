"""Running the program `grading/inside` in a sandbox of its own, over read-only copies of what is graded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core import Cause, Fault
from sandbox import Command, Mount, Sandbox, SandboxLimits, SandboxProvider, SandboxSpec, TreeLimits

PROGRAM = Path(__file__).parent.parent / "inside"
ROOM = "/grading"
ANSWER = "/job/answer.json"
MADE = "/job/made"
MIB = 1 << 20
LIMITS = SandboxLimits(
    memory_bytes=4096 * MIB,
    processes=128,
    file_bytes=1024 * MIB,
    workspace_bytes=2048 * MIB,
    command_seconds=600.0,
    output_bytes=16 * 1024,
)


class ProgramEnded(Fault):
    """The program was killed, or did not end in time: something in its sandbox may have seen to that."""


async def run_program(
    provider: SandboxProvider,
    *,
    key: str,
    arguments: Sequence[str],
    mounts: dict[str, Path],
    request: Any,
    limits: SandboxLimits,
    max_answer: int,
    labels: Mapping[str, str] | None = None,
    made: tuple[Path, TreeLimits] | None = None,
) -> Any:
    """The JSON that the program answers. It is untrusted: whoever asks must validate it.

    Args:
        provider: Opens the sandbox.
        key: Workspace key; the workspace is removed afterwards.
        arguments: Of the program; where it writes its answer is added.
        mounts: Name below `/grading` -> host file or folder.
        request: JSON value fed to it.
        limits: Of the sandbox.
        max_answer: Bytes.
        labels: Whose work is graded (`run`, `trial`): its sandbox carries them.
        made: Where the files that it left below `MADE` are copied to, and how much of them. They are as untrusted.

    Raises:
        ProgramEnded: It was killed, or did not end in time.
        Fault: With cause `check_failed_to_run` when the program fails or answers nonsense.
        SandboxFault: The sandbox did not start or was lost.
    """
    shown = [Mount(source=path, target=f"{ROOM}/{name}") for name, path in {"program": PROGRAM, **mounts}.items()]
    said = {**(labels or {}), "purpose": "grading"}
    spec = SandboxSpec(workspace=key, mounts=tuple(shown), limits=limits, labels=said)
    sandbox = await provider.open(spec)
    try:
        answer = await _answer(sandbox, arguments, request, limits, max_answer)
        if made is not None:
            await sandbox.download(MADE, *made)
        return answer
    finally:
        await sandbox.close()
        await provider.discard(key)


async def _answer(
    sandbox: Sandbox, arguments: Sequence[str], request: Any, limits: SandboxLimits, max_answer: int
) -> Any:
    command = Command(
        argv=("python3", f"{ROOM}/program", *arguments, "--out", ANSWER),
        stdin=json.dumps(request).encode(),
        timeout_seconds=limits.command_seconds,
    )
    result = await sandbox.run(command)
    if result.timed_out:
        raise ProgramEnded(Cause.check_failed_to_run, f"no answer within {limits.command_seconds:.0f} s")
    if result.exit_code < 0:
        raise ProgramEnded(Cause.check_failed_to_run, f"ended by signal {-result.exit_code}")
    if result.exit_code != 0:
        said = result.stderr.text.strip().splitlines()
        raise Fault(
            Cause.check_failed_to_run, f"exit code {result.exit_code}: {said[-1] if said else 'no word'}"[:500]
        )
    try:
        return json.loads(await sandbox.read(ANSWER, max_bytes=max_answer))
    except (OSError, ValueError, RecursionError) as error:
        raise Fault(Cause.check_failed_to_run, f"no answer that can be read: {type(error).__name__}") from error
