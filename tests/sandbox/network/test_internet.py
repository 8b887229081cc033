"""A real sandbox, its gate and page fetches in a real (small) internet: nothing of the product is replaced."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from agents import SqlTranscript
from runs import Records
from sandbox import ProviderOptions, provider
from tests.runs.support import script, write_pack
from tests.sandbox.readiness import need
from tests.support import lacking
from upbench.bench import Bench
from upbench.why import story

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


@pytest.fixture(scope="module", params=["bwrap", "docker", "docker-runsc"])
def visit(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened in a sandbox with a network."""
    kind, _, runtime = request.param.partition("-")
    folder = tmp_path_factory.mktemp("internet")
    made = provider(kind, folder / "state", ProviderOptions(docker_runtime=runtime or None))
    need(made, request.param)
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
    assert said["curl"][1] == HELLO
    assert said["git"][1] == "content", said["git"]
    assert said["pip"][1] == "tiny-1.0-py3-none-any.whl", said["pip"]
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
    said = visit["commands"]["other secure"]
    assert "403 other.example.net:443 is not among the allowed domains" in said[2]


def test_there_is_no_way_beside_the_gate(visit: dict[str, Any]) -> None:
    assert visit["commands"]["direct"][:2] == [0, "tried"]
    assert visit["commands"]["unproxied"][:2] == [1, ""]


def test_the_way_to_the_gate_is_made_again(visit: dict[str, Any]) -> None:
    assert visit["commands"]["killed"][1] == "killed\nhello"


def test_the_cap_holds_over_all_connections(visit: dict[str, Any]) -> None:
    assert visit["commands"]["big"][2].startswith("cut after ")
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


@pytest.mark.parametrize("name", ["bwrap", "docker", "docker-runsc"])
def test_the_next_harness_opens_the_gate_again(tmp_path: Path, name: str) -> None:
    """After `kill -9`; under docker the sandbox lives on, with the folder of the dead gate in it."""
    kind, _, runtime = name.partition("-")
    need(provider(kind, tmp_path / "state", ProviderOptions(docker_runtime=runtime or None)), name)
    site(tmp_path)
    said = run(tmp_path, sys.executable, "-m", "tests.sandbox.network.again", tmp_path, kind, runtime)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found == {"said": [HELLO, HELLO], "adopted": kind == "docker", "told": 2}


def upbench(project: Path, *words: str) -> list[str | Path]:
    return [sys.executable, "-m", "upbench.cli.main", "--project", project, *words]


def test_a_run_with_pages_and_its_replay(tmp_path: Path) -> None:
    """`upbench run` in the internet, then the same run again where there is none, from the cassette."""
    need(provider("bwrap", tmp_path / "unused"), "bwrap")
    site(tmp_path)
    fetch = {"tool": "fetch_page", "arguments": {"url": "https://good.example.net/page.html"}}
    on = {"tool": "fetch_page", "arguments": {"url": "https://good.example.net/page.html", "start": 14336}}
    other = {"tool": "fetch_page", "arguments": {"url": "http://other.example.net/"}}
    gate = {
        "tool": "shell",
        "arguments": {"command": "curl -sS http://good.example.net/hello.txt; ls /job/.pages"},
    }
    write = {"tool": "shell", "arguments": {"command": "cp /job/.pages/page-*.html /job/deliverables/total.csv"}}
    hand_in = {"tool": "submit", "arguments": {"files": [{"path": "total.csv"}], "summary": "Done."}}
    turns = script({"calls": [fetch, on]}, {"calls": [other, gate]}, {"calls": [write]}, {"calls": [hand_in]})
    pack = write_pack(tmp_path, script_text=turns)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    words = ("run", str(pack), "--agent", "react", "--model", "scripted/x", "--sandbox", "bwrap", "--json")
    web = ("--network", "allow", "--allow-domain", "good.example.net", "--cassette", str(tmp_path / "tape"))
    live = run(tmp_path, *upbench(tmp_path / "one", *words, *web))
    assert live.returncode == 0, live.stderr
    asked = (tmp_path / "requests.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)[1] for line in asked) == ["/hello.txt", "/page.html"]
    replayed = subprocess.run(
        upbench(tmp_path / "two", *words, *web, "--replay"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert replayed.returncode == 0, replayed.stderr
    first, second = (_told(tmp_path / name) for name in ("one", "two"))
    assert "\n\nPrices\nA bolt is 1,20.\nmore\n" in first
    assert "more characters; to read on, call fetch_page with start=" in first
    assert "other.example.net:80 is not among the allowed domains" in first
    lines = [line.split("network: ")[1] for line in first.splitlines() if "network: " in line]
    assert len(lines) == 3
    assert lines[0].startswith("fetch_page asked for GET good.example.net:443: allowed; ")
    assert lines[1].startswith(
        "fetch_page asked for GET other.example.net:80: refused; other.example.net:80 is not"
    )
    assert lines[2].startswith("a program asked for GET good.example.net:80: allowed; ")
    assert "fetch_page asked for GET good.example.net:443: allowed; answered from the cassette" in second


def _told(project: Path) -> str:
    """What `upbench runs why` says, and what the trial's tools answered."""
    bench = Bench(project)
    try:
        trial = bench.show("last").attempts[0].trial
        attempt = Records(bench.home.database).attempts_of_trial(trial)[0]
        execution = Records(bench.home.database).executions([attempt.id])[0].id
        events = SqlTranscript(bench.home.database, bench.home.blobs, execution).events()
        return "\n".join(
            [story(bench.home, trial).text, *(e.body["text"] for e in events if e.kind == "tool_done")]
        )
    finally:
        bench.close()
