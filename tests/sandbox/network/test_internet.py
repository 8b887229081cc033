"""A real sandbox, its gate and page fetches in a real (small) internet: nothing of the product is replaced."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import ProviderOptions, provider
from tests.support import lacking

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
HELLO = "hello"


def site(folder: Path) -> None:
    """What the servers serve: a page, a git repository, an index with one package."""
    pages = folder / "site"
    pages.mkdir()
    (pages / "hello.txt").write_text("hello\n")
    (pages / "page.html").write_text("<h1>Prices</h1><script>x()</script><p>A bolt is 1,20." + "<p>more" * 9000)
    (folder / "work").mkdir()
    (folder / "work" / "a").write_text("content\n")
    for line in ("init -q .", "add a", "-c user.name=a -c user.email=a@example.org commit -q -m a"):
        subprocess.run(["git", *line.split()], cwd=folder / "work", check=True)
    subprocess.run(["git", "clone", "-q", "--bare", "work", "site/repo.git"], cwd=folder, check=True)
    subprocess.run(["git", "update-server-info"], cwd=pages / "repo.git", check=True)
    index = pages / "simple" / "tiny"
    index.mkdir(parents=True)
    wheel = "tiny-1.0-py3-none-any.whl"
    (index / "index.html").write_text(f'<a href="{wheel}">{wheel}</a>')
    with zipfile.ZipFile(index / wheel, "w") as archive:
        facts = "tiny-1.0.dist-info"
        archive.writestr("tiny.py", "")
        archive.writestr(f"{facts}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr(
            f"{facts}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{facts}/RECORD", "")


def run(folder: Path, *command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a small internet of its own."""
    for program in ("unshare", "ip", "openssl", "git"):
        if shutil.which(program) is None:
            lacking(program, "the small internet is made with it")
    words = ["unshare", "--net", "--mount", "--propagation", "private"]
    if os.geteuid() != 0 or subprocess.run([*words, "true"], check=False, capture_output=True).returncode:
        lacking("root", "network namespaces are made by root")
    words += [sys.executable, str(HERE / "internet.py"), str(folder), *map(str, command)]
    env = {**os.environ, "SSL_CERT_FILE": str(folder / "ca.pem"), "PYTHONPATH": str(ROOT), **env}
    return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)


Visits = Callable[[], dict[str, Any]]


@pytest.fixture(scope="module", params=["bwrap", "docker", "docker-runsc"])
def visit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened in a sandbox with a network."""
    kind, _, runtime = request.param.partition("-")
    folder = tmp_path_factory.mktemp("internet")
    made = provider(kind, folder / "state", ProviderOptions(docker_runtime=runtime or None))
    if problem := made.problem():
        lacking(request.param, problem[0])
    site(folder)
    said = run(folder, sys.executable, "-m", "tests.sandbox.network.visit", folder, kind, *filter(None, [runtime]))
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_programs_reach_what_is_allowed(visit: dict[str, Any]) -> None:
    said = visit["commands"]
    assert said["plain"][1] == HELLO
    assert said["secure"][1] == HELLO
    assert said["suffix"][1] == HELLO
    assert said["post"][1] == "300000"
    assert said["python"][1] == r"b'hello\n'"
    assert said["git"][1] == "content" or said["has git"][1] != "yes", said["git"]
    assert said["pip"][1] == "tiny-1.0-py3-none-any.whl" or said["has pip"][1] != "yes", said["pip"]
    assert visit["enforced"]["network"] == "gate"


def test_they_are_told_why_something_is_refused(visit: dict[str, Any]) -> None:
    said = {name: out for name, (_, out, _) in visit["commands"].items()}
    assert said["not suffix"] == "evilwild.example.net:80 is not among the allowed domains"
    assert said["other"] == "other.example.net:80 is not among the allowed domains"
    assert said["port"] == "good.example.net:8080 is not among the allowed domains"
    assert said["address"] == "8.8.4.4:80 is not among the allowed domains"
    assert said["private"] == "inside.example.net is not on the public internet"
    assert said["metadata"] == "metadata.example.net is not on the public internet"
    assert said["redirect"] == "metadata.example.net is not on the public internet"
    assert said["own"] == "own.example.net is the machine that UpBench runs on"
    assert said["unknown"] == "unknown.wild.example.net cannot be resolved"
    code, _, error = visit["commands"]["other secure"]
    assert code == 56
    assert "403" in error


def test_there_is_no_way_beside_the_gate(visit: dict[str, Any]) -> None:
    assert visit["commands"]["direct"][:2] == [0, "tried"]
    assert visit["commands"]["unproxied"][0] == 7


def test_the_way_to_the_gate_is_made_again(visit: dict[str, Any]) -> None:
    assert visit["commands"]["killed"][1] == "killed\nhello"


def test_the_cap_holds_over_all_connections(visit: dict[str, Any]) -> None:
    assert visit["commands"]["big"][0] == 18
    assert sum(event["down_bytes"] for event in visit["told"]) == 32 << 20


def test_every_connection_has_its_line(visit: dict[str, Any]) -> None:
    told = [(event["method"], event["host"], event["verdict"]) for event in visit["told"]]
    assert told[0] == ("GET", "good.example.net", "allowed")
    assert ("CONNECT", "good.example.net", "allowed") in told
    assert ("CONNECT", "other.example.net", "refused") in told
    assert {event["address"] for event in visit["told"] if event["verdict"] == "allowed"} == {"8.8.4.4"}
    assert told.count(("GET", "metadata.example.net", "refused")) == 2


def test_pages_are_fetched_under_the_same_policy(visit: dict[str, Any]) -> None:
    read = visit["pages"]
    assert read["plain"] == ["http://good.example.net/hello.txt", 200, "hello\n"]
    assert read["secure"] == ["https://good.example.net/hello.txt", 200, "hello\n"]
    assert read["redirect"] == ["https://good.example.net/hello.txt", 200, "hello\n"]
    assert read["to metadata"] == "refused: metadata.example.net is not on the public internet"
    assert read["private"] == "refused: inside.example.net is not on the public internet"
    assert read["own"] == read["wrong name"] == "refused: own.example.net is the machine that UpBench runs on"
    assert read["wrong certificate"].startswith("failed: evilwild.example.net: Hostname mismatch")
