"""What every provider's sandbox does through the supervisor: commands and files."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

from sandbox.places import absolute, writable
from sandbox.protocol import Command, CommandResult, SandboxInfo, SandboxLimits, Taken, TreeLimits
from sandbox.supervisor.client import Wire
from sandbox.supervisor.download import download

CHUNK = 1 << 20


def max_reply(limits: SandboxLimits) -> int:
    """Bytes that one honest reply can have under `limits`."""
    return 32 * CHUNK + 4 * limits.output_bytes


class Session:
    """Commands and files of an open sandbox over one `Wire`; a provider adds how it starts and ends."""

    def __init__(self, wire: Wire, limits: SandboxLimits, info: SandboxInfo) -> None:
        self._wire, self._limits, self._info = wire, limits, info

    @property
    def info(self) -> SandboxInfo:
        """What this sandbox is."""
        return self._info

    async def run(self, command: Command) -> CommandResult:
        """Run a command to its end or its deadline."""
        cap = self._limits.output_bytes
        if command.output_bytes is not None:
            cap = min(cap, command.output_bytes)
        seconds = min(command.timeout_seconds, self._limits.command_seconds)
        return await self._wire.run(command, seconds=seconds, cap=cap)

    async def write(self, path: str, data: bytes) -> None:
        """Write a file below `/job` or `/tmp`, making its folders."""
        await self._write(writable(path), data, b"f")

    async def read(self, path: str, *, max_bytes: int) -> bytes:
        """Read a regular file of at most `max_bytes`."""
        name = absolute(path).encode("utf-8", "surrogateescape")
        parts: list[bytes] = []
        got = 0
        while True:
            # One byte more than allowed tells a file that grew.
            data = await self._wire.read_part(name, got, min(CHUNK, max_bytes + 1 - got))
            got += len(data)
            if got > max_bytes:
                raise OSError(27, f"larger than {max_bytes} bytes", path)
            if not data:
                return b"".join(parts)
            parts.append(data)

    async def upload(self, source: Path, target: str) -> None:
        """Copy a host file or folder to `target` below `/job` or `/tmp`. Links are followed only inside `source`."""
        destination = writable(target)
        if source.is_file():
            await self._upload_file(source, destination)
            return
        if not source.is_dir():
            raise FileNotFoundError(2, "No such file or directory", str(source))
        await self._wire.ask(b"M", [destination])
        for path in await asyncio.to_thread(lambda: sorted(source.rglob("*"))):
            below = destination + b"/" + os.fsencode(path.relative_to(source).as_posix())
            if path.is_symlink() and not path.resolve().is_relative_to(source.resolve()):
                raise ValueError(f"{path} leads out of {source}")
            if path.is_dir():
                await self._wire.ask(b"M", [below])
            elif path.is_file():
                await self._upload_file(path, below)

    async def download(self, source: str, target: Path, limits: TreeLimits) -> Taken:
        """Copy a folder's regular files into the host folder `target`."""
        return await download(self._wire, absolute(source), target, limits)

    async def _upload_file(self, source: Path, target: bytes) -> None:
        runnable = source.stat().st_mode & stat.S_IXUSR
        with source.open("rb") as stream:
            flags = b"fx" if runnable else b"f"
            while True:
                data = stream.read(CHUNK)
                if not data and flags == b"a":
                    return
                await self._wire.ask(b"W", [target, flags, data])
                flags = b"a"

    async def _write(self, name: bytes, data: bytes, flags: bytes) -> None:
        for at in range(0, max(len(data), 1), CHUNK):
            await self._wire.ask(b"W", [name, flags if at == 0 else b"a", data[at : at + CHUNK]])


