"""`upbench review users` as commands, and `review serve` for people on other machines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import ValidationError

from core import BadInput, UpBenchError
from grading import CLIENT_SECRET, People, ReviewSettings, load_secrets, public_origins
from upbench.cli.main import cli
from upbench.cli.review import origins_and_token
from upbench.home import open_home
from upbench.reception import reception
from upbench.settings import load_settings

GOOD = "five oak trees"
PUBLIC = '[review]\napp_origin = "https://Review.example.org/"\ncontent_origin = "https://files.example.net"\n'


def users(project: Path, *words: str, said: str = "") -> Result:
    return CliRunner().invoke(cli, ["--project", str(project), "review", "users", *words], input=said)


def answer(project: Path, *words: str, said: str = "") -> Any:
    result = users(project, *words, "--json", said=said)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refused(project: Path, *words: str, said: str = "") -> str:
    result = users(project, *words, said=said)
    assert isinstance(result.exception, UpBenchError | SystemExit)
    code = result.exception.exit_code if isinstance(result.exception, UpBenchError) else result.exit_code
    assert code == 2
    return f"{result.exception} {result.stderr}"


def test_people_are_added_changed_closed_and_opened(tmp_path: Path) -> None:
    ada = answer(tmp_path, "add", "Ada", "--role", "admin", "--password-stdin", said=f"{GOOD}\n")
    assert (ada["login"], ada["roles"], ada["password"]) == ("ada", ["admin"], True)
    assert answer(tmp_path, "roles", "ada", "lead", "reviewer")["roles"] == ["lead", "reviewer"]
    assert answer(tmp_path, "close", ada["id"])["closed"] is not None
    assert answer(tmp_path, "reopen", "ada")["closed"] is None
    typed = users(tmp_path, "password", "ada", said="nine tall ships\nnine tall ships\n")
    assert typed.exit_code == 0, typed.stderr
    assert "nine" not in typed.output
    bob = answer(tmp_path, "add", "bob", "--no-password", "--skill", "Law", "--conflict", "job:x")
    assert (bob["password"], bob["skills"], bob["conflicts"]) == (False, ["law"], ["job:x"])
    listed = answer(tmp_path, "list")
    assert [one["login"] for one in listed["people"]] == ["ada", "bob"]
    log = answer(tmp_path, "audit")
    assert (log["rows"], log["broken"], len(log["head"])) == (6, None, 64)
    assert log["last"][0]["action"] == "person.add"


def test_who_has_no_terminal_is_told_how_to_give_a_password(tmp_path: Path) -> None:
    add = (sys.executable, "-m", "upbench", "--project", str(tmp_path), "review", "users", "add", "ada")
    alone: dict[str, Any] = {"stdin": subprocess.DEVNULL, "start_new_session": True}
    told = subprocess.run(add, check=False, capture_output=True, text=True, **alone)
    assert told.returncode == 2
    assert "--password-stdin" in told.stderr.splitlines()[-1]
    assert "Warning" not in told.stderr


def test_links_and_tokens_are_shown_once(tmp_path: Path) -> None:
    invited = answer(tmp_path, "invite", "--role", "adjudicator", "--login", "eve")
    assert invited["link"].startswith("http://127.0.0.1:8765/invitation?key=")
    key = invited["link"].partition("=")[2]
    home = open_home(load_settings(tmp_path))
    eve = People(home.database).invitations.accept(key, login="", name="Eve", password=GOOD)
    home.close()
    made = answer(tmp_path, "token", "eve", "--scope", "export", "--days", "2")
    assert made["token"].startswith("upb_")
    assert (made["person"], made["scopes"]) == (eve.id, ["export"])
    listed = answer(tmp_path, "token", "eve", "--list")
    assert [one["id"] for one in listed["tokens"]] == [made["id"]]
    assert made["token"] not in json.dumps(listed)
    assert answer(tmp_path, "token", "eve", "--revoke", made["id"])["revoked"] is True
    assert "no such token" in refused(tmp_path, "token", "eve", "--revoke", made["id"])
    assert f"{made['id']}  token  export  revoked 2" in users(tmp_path, "token", "eve", "--list").stdout
    assert "/invitation?key=" in answer(tmp_path, "password", "eve", "--link")["link"]


def test_what_cannot_be_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    assert "no project is here" in refused(tmp_path, "list")
    assert list(tmp_path.iterdir()) == [], "to look for people makes no project"
    answer(tmp_path, "add", "adam", "--no-password")
    assert "12 to 1000" in refused(tmp_path, "add", "ada", "--password-stdin", said="short\n")
    assert "no password" in refused(tmp_path, "add", "ada", "--password-stdin")
    assert "nobody called" in refused(tmp_path, "close", "nobody")
    answer(tmp_path, "add", "eve", "--no-password")
    for days in ("4000", "-1", "nan"):
        assert "more than 0 days and at most 366" in refused(tmp_path, "token", "eve", "--days", days)
    assert "signs in with that name" in refused(tmp_path, "add", "EVE", "--no-password")
    assert "conflict of interest" in refused(tmp_path, "add", "ada", "--no-password", "--conflict", "x")


def test_a_broken_chain_is_exit_code_1(tmp_path: Path) -> None:
    answer(tmp_path, "add", "ada", "--no-password")
    home = open_home(load_settings(tmp_path))
    with home.database.write() as connection:
        connection.exec_driver_sql("UPDATE audit SET actor = 'nobody'")
    home.close()
    result = users(tmp_path, "audit")
    assert result.exit_code == 1
    assert "BROKEN at row 1" in result.stdout


def test_the_app_for_others_has_two_sites_and_no_printed_way_in(tmp_path: Path) -> None:
    (tmp_path / "upbench.toml").write_text(PUBLIC)
    settings = load_settings(tmp_path)
    at, token = origins_and_token(settings.review, "127.0.0.1", 9000)
    assert (at.app, at.content, token) == ("https://review.example.org", "https://files.example.net", "")
    assert (at.app_port, at.content_port, at.proxies) == (9000, 9001, ("127.0.0.1",))
    home = open_home(settings)
    with pytest.raises(BadInput, match="nobody could come in"):
        reception(home)
    answer(tmp_path, "add", "ada", "--role", "admin", "--password-stdin", said=f"{GOOD}\n")
    assert reception(home).oidc is None
    home.close()
    assert answer(tmp_path, "invite")["link"].startswith("https://review.example.org/invitation?key=")
    with pytest.raises(BadInput, match="not a port"):
        public_origins(settings.review, 65535)


def test_the_secret_of_the_identity_provider_is_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    oidc = '[oidc]\nissuer = "https://id.example.org"\nclient_id = "upbench"\n'
    (tmp_path / "upbench.toml").write_text(PUBLIC + oidc)
    home = open_home(load_settings(tmp_path))
    with pytest.raises(BadInput, match=CLIENT_SECRET):
        reception(home)
    monkeypatch.setenv(CLIENT_SECRET, "x" * 32)
    provider = reception(home).oidc
    home.close()
    assert provider is not None
    assert provider.settings.issuer == "https://id.example.org"
    (tmp_path / "upbench.toml").write_text(PUBLIC + oidc + 'client_secret = "y"\n')
    with pytest.raises(BadInput, match=CLIENT_SECRET):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("app", "content"),
    [
        ("http://review.example.org", "https://files.example.net"),
        ("https://review.example.org", None),
        ("https://review.example.org/app", "https://files.example.net"),
        ("https://user@review.example.org", "https://files.example.net"),
        ("https://192.0.2.1", "https://files.example.net"),
        ("https://review", "https://files.example.net"),
        ("https://review.example.org", "https://review.example.org:8443"),
        ("https://example.org", "https://files.example.org"),
        ("https://review.example.org", "https://files.example.org"),
        ("https://a.b.example.co.uk", "https://c.example.co.uk"),
    ],
)
def test_origins_that_would_be_unsafe_are_refused(app: str, content: str | None) -> None:
    with pytest.raises(ValidationError):
        ReviewSettings(app_origin=app, content_origin=content)


def test_sites_that_are_two_are_taken() -> None:
    for app, content in (("a.example.org", "a.example.net"), ("one.co.uk", "two.co.uk")):
        assert ReviewSettings(app_origin=f"https://{app}", content_origin=f"https://{content}").public
    beside = {"app_origin": "https://a.example.org", "content_origin": "https://b.example.org"}
    assert ReviewSettings.model_validate(beside | {"same_site": True}).public


@pytest.mark.parametrize(
    "keys",
    [
        {"session": "00" * 32, "content": "ab" * 32},
        {"session": "00112233445566778899aabbccddeeff" * 2, "content": bytes(range(32)).hex()},
        {
            "session": b"change-me-change-me-change-me-01".hex(),
            "content": b"change-me-change-me-change-me-02".hex(),
        },
        {"session": "ab", "content": "cd"},
        {},
    ],
)
def test_made_up_secrets_are_refused(tmp_path: Path, keys: dict[str, str]) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps(keys))
    file.chmod(0o600)
    with pytest.raises(BadInput):
        load_secrets(file)
    file.unlink()
    made = load_secrets(file)
    assert load_secrets(file) == made
    file.write_text(json.dumps({"session": made.session.hex(), "content": made.session.hex()}))
    with pytest.raises(BadInput, match="made up"):
        load_secrets(file)
    file.unlink()
    load_secrets(file)
    file.chmod(0o644)
    with pytest.raises(BadInput, match="read by others"):
        load_secrets(file)
