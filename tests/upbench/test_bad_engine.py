"""Wrong choices of a sandbox: one line, exit code 2 (3 where something is missing), and nothing is begun."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import docker_runtimes
from tests.runs.project import need_sandbox
from tests.support import lacking
from tests.upbench.mistakes import Upbench

RUN = ("run", "packs/small", "--agent", "nop", "--sandbox", "docker")


def refused(upbench: Upbench, code: int, *named: str, arguments: tuple[str, ...] = RUN) -> None:
    found, out, err = upbench(*arguments)
    assert (found, out) == (code, ""), err
    assert len(err.strip().splitlines()) == 1, err
    for text in ("upbench: ", *named):
        assert text in err
    assert "fault of UpBench" not in err
    assert json.loads(upbench("runs", "list", "--json")[1]) == [], "nothing is begun"


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("docker_runtime", "kata", ("`docker_runtime`", "no runtime `kata`", "runc")),
        ("docker_image", "upbench-test-none", ("`docker_image`", "there is no Docker image upbench-test-none")),
        ("docker_image", "Not/A:name", ("`docker_image`", "cannot be the name of a Docker image")),
    ],
)
def test_a_choice_that_the_engine_has_not_is_a_mistake(
    upbench: Upbench, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: tuple[str, ...]
) -> None:
    need_sandbox("docker")
    monkeypatch.setenv(f"UPBENCH_{variable.upper()}", value)
    refused(upbench, 2, *named)
    code, out, _ = upbench("doctor", "--json")
    [docker] = [check for check in json.loads(out)["checks"] if check["name"] == "docker"]
    assert code in (0, 3)
    assert docker["ok"] is False
    assert docker["mend"]


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("tcp://127.0.0.1:2375", "only an engine behind a unix socket"),
        ("ssh://root@localhost", "only an engine behind a unix socket"),
        ("nonsense", "only an engine behind a unix socket"),
        ("unix:///nowhere/engine.sock", "no Docker engine answers behind /nowhere/engine.sock"),
        ("unix://" + "x" * 300, "no Docker engine answers"),
        ("unix:///dev/null", "no Docker engine answers"),
        ("unix:///", "no Docker engine answers"),
    ],
)
def test_an_engine_that_is_not_there_is_missing(
    upbench: Upbench, monkeypatch: pytest.MonkeyPatch, host: str, named: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    refused(upbench, 3, named, "DOCKER_HOST")


@pytest.mark.parametrize(
    "limit",
    [
        *("memory_bytes=16777216", f"memory_bytes={10**20}", "processes=3", f"processes={10**11}"),
        *("cpus=0.001", "cpus=1e9", "open_files=1", f"open_files={10**9}", "file_bytes=0", f"file_bytes={10**20}"),
        *(f"workspace_bytes={10**20}", "workspace_files=1", f"workspace_files={10**20}", "output_bytes=1"),
        *(f"output_bytes={10**12}", "command_seconds=0", "command_seconds=1e30", f"network_up_bytes={10**20}"),
    ],
)
def test_a_limit_that_nothing_could_start_under_is_refused(upbench: Upbench, limit: str) -> None:
    refused(upbench, 2, f"--limit {limit.partition('=')[0]}", arguments=(*RUN, "--limit", limit))


LEAST = {"memory_bytes": 32 << 20, "processes": 4, "cpus": 0.05, "open_files": 64, "output_bytes": 256}
MOST = {
    **{"memory_bytes": 1 << 50, "processes": 1 << 20, "cpus": 4096, "open_files": 16384, "file_bytes": 1 << 60},
    **{"output_bytes": 1 << 30, "workspace_bytes": 1 << 60, "workspace_files": 1 << 60, "command_seconds": 1e7},
}


@pytest.mark.parametrize("limits", [LEAST, MOST], ids=["least", "most"])
@pytest.mark.parametrize("runtime", [None, "runc", "runsc"])
def test_what_a_limit_may_be_can_be_worked_under(
    upbench: Upbench, monkeypatch: pytest.MonkeyPatch, runtime: str | None, limits: dict[str, float]
) -> None:
    need_sandbox("docker" if runtime else "bwrap")
    if runtime and runtime not in docker_runtimes():
        lacking(runtime, "the engine has no such runtime")
    monkeypatch.setenv("UPBENCH_DOCKER_RUNTIME", runtime or "")
    words = [word for name, value in limits.items() for word in ("--limit", f"{name}={value}")]
    run = (
        "run",
        "packs/small",
        "--job",
        "job-1",
        "--model",
        "scripted/x",
        "--sandbox",
        "docker" if runtime else "bwrap",
    )
    code, out, err = upbench(*run, *words, "--json")
    assert code == 0, err
    assert json.loads(out)["causes"] == {"submitted": 1}


def answers(body: bytes, head: bytes = b"200 OK\r\nContent-Type: application/json") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


@pytest.fixture
def impostor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[bytes], None]]:
    """Something that is no engine listens where one should; what it is called with is all that it ever says."""
    listener = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)
    listener.bind("engine.sock")  # by a short name: the path of a unix socket has 107 bytes
    said = [b""]

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller:
                caller.recv(1 << 16)
                caller.sendall(said[0])

    def begin(answer: bytes) -> None:
        said[0] = answer
        listener.listen()
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", "unix://engine.sock")

    thread = threading.Thread(target=serve, daemon=True)
    yield begin
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    if thread.ident:
        thread.join(5)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"220 mail.example.org ESMTP\r\n",
        answers(b"[]"),
        answers(b'{"ApiVersion": 7}'),
        answers(b'{"ApiVersion": "1.12"}'),
        answers(b"<html></html>", b"200 OK\r\nContent-Type: text/html"),
        answers(b"", b"500 Internal Server Error"),
    ],
    ids=["nothing", "another protocol", "a list", "a number", "an old one", "a page", "an error"],
)
def test_what_is_no_engine_is_none(upbench: Upbench, impostor: Callable[[bytes], None], answer: bytes) -> None:
    impostor(answer)
    refused(upbench, 3, "no Docker engine answers behind")


def test_a_very_long_name_of_a_provider_is_not_said_whole(upbench: Upbench) -> None:
    code, _, err = upbench(*RUN[:-1], "x" * 5000)
    assert code == 2
    assert len(err) < 300
