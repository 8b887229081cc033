"""Builds templates: each step is done in a real machine, with whose files the template's sandboxes begin."""

from __future__ import annotations

import asyncio
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from e2b import ApiParams, AsyncSandbox, CommandExitException

from tests.standins.e2b.fleet import Fleet, Refused
from tests.standins.e2b.records import iso, now

UPLOADED = "/tmp/.uploaded"
STEP_SECONDS = 600
_COPY = """\
set -e
mkdir -p {folder}; cd {folder}; tar -xf {archive}
for one in {source}; do
  if [ -d "$one" ]; then mkdir -p {target}; cp -a "$one"/. {target}/
  else case {target} in */) mkdir -p {target};; *) mkdir -p "$(dirname {target})";; esac; cp -a "$one" {target}; fi
done
{rights}
rm -rf {folder} {archive}
"""


@dataclass
class Build:
    """One build of a template.

    Attributes:
        status: `waiting`, `building`, `ready` or `error`.
        reason: Why it failed, and at which step (from 1).
    """

    name: str
    template: str = field(default_factory=lambda: secrets.token_hex(10))
    id: str = field(
        default_factory=lambda: f"{secrets.token_hex(4)}-{'-'.join(['0000'] * 3)}-{secrets.token_hex(6)}"
    )
    status: str = "waiting"
    reason: dict[str, str] | None = None
    entries: list[dict[str, str]] = field(default_factory=list)

    def log(self, message: str, level: str = "info") -> None:
        """Write a line that the builder's caller may read."""
        self.entries.append({"timestamp": iso(now()), "message": message, "level": level})

    def told(self, offset: int) -> dict[str, Any]:
        """What its status answers."""
        rows = self.entries[offset : offset + 100]
        told = {"templateID": self.template, "buildID": self.id, "status": self.status, "logEntries": rows}
        told["logs"] = [row["message"] for row in rows]
        return told if self.reason is None else {**told, "reason": self.reason}


@dataclass
class _Shell:
    """What earlier steps set for later ones."""

    user: str = "user"
    folder: str = "/home/user"
    envs: dict[str, str] = field(default_factory=dict)


class Builder:
    """The builds of a cloud."""

    def __init__(self, fleet: Fleet, folder: Path, options: ApiParams) -> None:
        self.builds: dict[str, Build] = {}
        self.uploads = folder / "uploads"
        self._fleet = fleet
        self._folder = folder
        self._options = options
        self._tasks: set[asyncio.Task[None]] = set()

    def request(self, name: str) -> Build:
        """Begin a build, which waits for its steps."""
        build = Build(name.partition(":")[0])
        self.builds[build.id] = build
        return build

    def find(self, name: str) -> Build:
        """A build that was requested.

        Raises:
            Refused: 404, there is none.
        """
        if name not in self.builds:
            raise Refused(404, f"build '{name}' not found")
        return self.builds[name]

    def start(self, build: Build, asked: Mapping[str, Any]) -> None:
        """Do the steps, in the background."""
        build.status = "building"
        task = asyncio.create_task(self._build(build, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _build(self, build: Build, asked: Mapping[str, Any]) -> None:
        # Whatever image is asked for: there is but one system here, the host's.
        base = self._fleet.templates.get(asked.get("fromTemplate") or "base")
        if base is None:
            build.status, build.reason = "error", {"message": f"template '{asked['fromTemplate']}' not found"}
            return
        sandbox = await self._fleet.open(base, {}, {})
        try:
            box = await AsyncSandbox.connect(sandbox.id, timeout=STEP_SECONDS, **self._options)
            shell = _Shell(envs=dict(base.envs))
            if not await self._steps(build, box, shell, asked.get("steps") or []):
                return
            taken = await self._fleet.machines.take(sandbox)
            archive = taken.rename(self._folder / f"{build.template}.tar")
        finally:
            await self._fleet.end(sandbox)
        made = replace(base, name=build.name, envs=shell.envs, archive=archive)
        self._fleet.templates.update({build.name: made, build.template: made})
        build.log("Build finished")
        build.status = "ready"

    async def _steps(
        self, build: Build, box: AsyncSandbox, shell: _Shell, steps: Sequence[Mapping[str, Any]]
    ) -> bool:
        for number, step in enumerate(steps, start=1):
            build.log(f"[{number}/{len(steps)}] {step['type']} {' '.join(step.get('args') or [])}")
            try:
                await self._step(build, box, shell, step)
            except CommandExitException as error:
                build.log(error.stderr, "error")
                message = f"failed to run command: exit status {error.exit_code}: {error.stderr}"
                build.status, build.reason = "error", {"message": message, "step": str(number)}
                return False
        return True

    async def _step(self, build: Build, box: AsyncSandbox, shell: _Shell, step: Mapping[str, Any]) -> None:
        kind, given = step["type"], [*(step.get("args") or []), "", "", "", ""]
        if kind == "ENV":
            pairs = step["args"]
            shell.envs.update(zip(pairs[::2], pairs[1::2], strict=True))
        elif kind == "USER":
            shell.user = given[0]
        elif kind == "WORKDIR":
            shell.folder = given[0]
            await box.commands.run(f"mkdir -p {shlex.quote(given[0])}", user="root")
        elif kind == "RUN":
            done = await box.commands.run(
                given[0], user=given[1] or shell.user, cwd=shell.folder, envs=shell.envs, timeout=STEP_SECONDS
            )
            build.log(done.stdout)
        elif kind == "COPY":
            await self._copy(box, shell, step, given)

    async def _copy(self, box: AsyncSandbox, shell: _Shell, step: Mapping[str, Any], given: list[str]) -> None:
        source, target, owner, mode = given[:4]
        archive = f"{UPLOADED}-{secrets.token_hex(4)}"
        with (self.uploads / Path(step["filesHash"]).name).open("rb") as stream:
            await box.files.write(archive, stream, user="root")
        target = shlex.quote(target if target.startswith("/") else f"{shell.folder}/{target}")
        rights = [f"chown -R {shlex.quote(owner or shell.user)} {target}"]
        rights += [f"chmod -R {shlex.quote(mode)} {target}"] if mode else []
        script = _COPY.format(
            folder=f"{archive}.d", archive=archive, source=source, target=target, rights="\n".join(rights)
        )
        await box.commands.run(script, user="root", timeout=STEP_SECONDS)
