"""Opens a real sandbox with a network policy, tries what programs do, fetches pages, and prints what happened."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from sandbox import (
    Command,
    NetworkEvent,
    NetworkPolicy,
    NotReached,
    PageFetcher,
    ProviderOptions,
    Sandbox,
    SandboxLimits,
    SandboxSpec,
    provider,
)

ALLOWED = (
    "good.example.net",
    "inside.example.net",
    "metadata.example.net",
    "own.example.net",
    "*.wild.example.net",
)
GET = """
import http.client, ssl, sys, urllib.error, urllib.request as u
words = sys.argv[1:]
handlers = [u.HTTPSHandler(context=ssl.create_default_context(cafile='/tmp/ca.pem'))]
if '--direct' in words: handlers.append(u.ProxyHandler({}))
data = bytes(300000) if '--post' in words else None
try:
    body = u.build_opener(*handlers).open(words[0], data, 5).read()
    print(body.decode().strip())
except urllib.error.HTTPError as error: print(error.read().decode().strip())
except http.client.IncompleteRead as error: sys.exit(f'cut after {len(error.partial)}')
except OSError as error: sys.exit(str(error))
"""
DIRECT = """
import socket
for host in ('8.8.4.4', '9.9.8.1', '169.254.169.254', '10.9.9.9'):
    link = socket.socket(); link.settimeout(2)
    try: link.connect((host, 80)); print('reached', host)
    except OSError: pass
try: print('resolved', socket.gethostbyname('good.example.net'))
except OSError: pass
print('tried')
"""
KILL = """
import os
for pid in filter(str.isdecimal, os.listdir('/proc')):
    try: line = open(f'/proc/{pid}/cmdline').read()
    except OSError: continue
    if '/opt/gate\\0003128' in line: os.kill(int(pid), 9); print('killed')
"""
LINES = {
    "plain": "get http://good.example.net/hello.txt",
    "secure": "get https://good.example.net/hello.txt",
    "suffix": "get http://a.wild.example.net/hello.txt",
    "not suffix": "get http://evilwild.example.net/hello.txt",
    "post": "get http://good.example.net/ --post",
    "curl": "command -v curl >/dev/null || echo hello; curl -sS --cacert /tmp/ca.pem https://good.example.net/hello.txt",
    "git": "command -v git >/dev/null || echo content;"
    " git -c http.sslCAInfo=/tmp/ca.pem clone -q https://good.example.net/repo.git /tmp/repo && cat /tmp/repo/a",
    "pip": "python3 -m pip --version >/dev/null || echo tiny-1.0-py3-none-any.whl;"
    " python3 -m pip download -q --no-deps --cert /tmp/ca.pem --disable-pip-version-check"
    " --index-url https://good.example.net/simple/ -d /tmp/pip tiny && ls /tmp/pip",
    "other": "get http://other.example.net/hello.txt",
    "other secure": "get https://other.example.net/hello.txt",
    "port": "get http://good.example.net:8080/hello.txt",
    "address": "get http://8.8.4.4/hello.txt",
    "private": "get http://inside.example.net/hello.txt",
    "metadata": "get http://metadata.example.net/hello.txt",
    "own": "get http://own.example.net/hello.txt",
    "redirect": "get 'http://good.example.net/redirect?to=http://metadata.example.net/hello.txt'",
    "unknown": "get http://unknown.wild.example.net/",
    "direct": 'python3 -c "$DIRECT"',
    "unproxied": "get http://8.8.4.4/hello.txt --direct",
    "killed": 'python3 -c "$KILL"; sleep 4; get http://good.example.net/hello.txt',
    "big": "get 'http://good.example.net/big?mib=64'",
}
PAGES = {
    "plain": "http://good.example.net/hello.txt",
    "secure": "https://good.example.net/hello.txt",
    "redirect": "http://good.example.net/redirect?to=https://good.example.net/hello.txt",
    "to metadata": "http://good.example.net/redirect?to=http://metadata.example.net/hello.txt",
    "wrong name": "https://own.example.net/",
    "wrong certificate": "https://evilwild.example.net/",
    "private": "http://inside.example.net/hello.txt",
    "own": "http://own.example.net/hello.txt",
}


async def commands(box: Sandbox, found: dict[str, object]) -> None:
    env = {"GET": GET, "DIRECT": DIRECT, "KILL": KILL}
    begin = 'get() { python3 -c "$GET" "$@"; }; '
    for name, line in LINES.items():
        result = await box.run(Command(argv=("bash", "-c", begin + line), env=env))
        found[name] = [result.exit_code, result.stdout.text.strip(), result.stderr.text.strip()[-400:]]


async def pages(told: list[NetworkEvent], found: dict[str, object]) -> None:
    policy = NetworkPolicy(mode="allow", domains=(*ALLOWED, "evilwild.example.net"))
    fetcher = PageFetcher(policy, workspace="visit", limits=SandboxLimits(), audit=told.append)
    for name, url in PAGES.items():
        try:
            page = await fetcher.fetch(url)
            found[name] = [page.final_url, page.status, page.body.decode()]
        except NotReached as problem:
            found[name] = f"{problem.verdict}: {problem.reason}"


async def main(folder: Path, kind: str, runtime: str | None) -> None:
    told: list[NetworkEvent] = []
    fetched: list[NetworkEvent] = []
    found: dict[str, object] = {}
    read: dict[str, object] = {}
    made = provider(kind, folder / "state", ProviderOptions(docker_runtime=runtime))
    limits = SandboxLimits(network_down_bytes=32 << 20)
    policy = NetworkPolicy(mode="allow", domains=ALLOWED)
    box = await made.open(SandboxSpec(workspace="visit", network=policy, limits=limits), audit=told.append)
    try:
        await box.write("/tmp/ca.pem", (folder / "ca.pem").read_bytes())
        await commands(box, found)
    finally:
        await box.close()
        await made.discard("visit")
    await pages(fetched, read)
    print(
        json.dumps(
            {
                "commands": found,
                "pages": read,
                "told": [event.model_dump(mode="json") for event in told],
                "fetched": [event.model_dump(mode="json") for event in fetched],
                "enforced": box.info.enforced,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None))
