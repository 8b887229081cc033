"""Opens a sandbox with a network and is killed; then another process opens the same one. Prints what worked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from sandbox import Command, NetworkEvent, NetworkPolicy, ProviderOptions, Sandbox, SandboxSpec, provider

GET = """
import urllib.request as u
try: print(u.urlopen('http://good.example.net/hello.txt', timeout=5).read().decode().strip())
except OSError as error: print(error)
"""
SPEC = SandboxSpec(workspace="again", network=NetworkPolicy(mode="allow", domains=("good.example.net",)))


async def get(box: Sandbox) -> str:
    result = await box.run(Command(argv=("python3", "-c", GET)))
    return result.stdout.text.strip()


async def main(folder: Path, kind: str, runtime: str, *, dies: bool) -> None:
    told: list[NetworkEvent] = []
    made = provider(kind, folder / "state", ProviderOptions(docker_runtime=runtime or None))
    box = await made.open(SPEC, audit=told.append)
    said = await get(box)
    if dies:
        print(said, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    # What serves inside may still hold the line of the dead: it must let go of it by itself.
    again = await get(box)
    await box.close()
    await made.discard("again")
    print(json.dumps({"said": [said, again], "adopted": box.info.adopted, "told": len(told)}))


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[-1] != "dies":
        command = [sys.executable, "-m", "tests.sandbox.network.again", *words, "dies"]
        first = subprocess.run(command, capture_output=True, text=True, check=False)
        if first.returncode != -signal.SIGKILL or first.stdout.strip() != "hello":
            sys.exit(f"the first: {first.returncode} {first.stdout} {first.stderr}")
    asyncio.run(main(Path(words[0]), words[1], words[2], dies=words[-1] == "dies"))
