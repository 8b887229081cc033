"""`upbench review users`: who may come into the review app."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from getpass import GetPassWarning
from typing import TYPE_CHECKING, Any

import click

from upbench.cli.output import called, emit, json_option, say

if TYPE_CHECKING:
    from grading import People, Role, Token

ROLES = click.Choice(["admin", "lead", "adjudicator", "reviewer"])
SCOPES = click.Choice(["read", "review", "export", "admin"])
_LONGEST = 4096


@click.group(short_help="Who may come into the review app.")
def users() -> None:
    """Add people, change what they may do, close accounts; every change is in the audit log.

    Example: upbench review users add ada@example.org --role admin
    """


def _roles_option(command: Any) -> Any:
    return click.option("--role", "roles", type=ROLES, multiple=True, help="Repeatable (default: reviewer).")(
        command
    )


def _password_option(command: Any) -> Any:
    return click.option(
        "--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input."
    )(command)


@users.command()
@click.argument("login")
@click.option("--name", default="", help="As those who lead the work see it (default: LOGIN).")
@_roles_option
@click.option("--skill", "skills", multiple=True, help="Repeatable.")
@click.option(
    "--conflict", "conflicts", multiple=True, help="job:ID or pack:NAME, never to be reviewed; repeatable."
)
@_password_option
@click.option("--no-password", is_flag=True, help="For people who sign in at the identity provider.")
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    /,
    *,
    login: str,
    name: str,
    roles: Sequence[str],
    skills: Sequence[str],
    conflicts: Sequence[str],
    from_stdin: bool,
    no_password: bool,
    as_json: bool,
) -> None:
    """Add an account; the password is asked for, never an argument.

    Example: upbench review users add ada@example.org --role admin
    """
    if from_stdin and no_password:
        raise click.UsageError("--password-stdin and --no-password exclude each other")
    with _people(ctx, create=True) as people:
        password = None if no_password else _password(from_stdin=from_stdin)
        account = people.add(
            login,
            by=_operator(),
            name=name,
            roles=_roles(roles or ["reviewer"]),
            skills=skills,
            conflicts=conflicts,
            password=password,
        )
    emit(account.body(), f"{account.login} is added as {account.id}", as_json=as_json)


@users.command(name="list")
@json_option
@click.pass_context
def list_users(ctx: click.Context, *, as_json: bool) -> None:
    """List everybody, and invitations that can still be used.

    Example: upbench review users list --json
    """
    with _people(ctx) as people:
        accounts, invitations = people.list(), people.invitations.list()
    lines = [
        f"{one.id}  {one.login:<30}  {'closed' if one.closed else 'open':<6}  {', '.join(one.body()['roles'])}"
        for one in accounts
    ]
    lines += [
        f"{one.id}  {one.login or 'anybody':<30}  invited until {one.expires[:16]} UTC" for one in invitations
    ]
    body = {"people": [one.body() for one in accounts], "invitations": [one.body() for one in invitations]}
    emit(body, "\n".join(lines) or "nobody yet", as_json=as_json)


@users.command()
@click.option("--login", help="What the person signs in with (default: they choose).")
@_roles_option
@click.option("--skill", "skills", multiple=True, help="Repeatable.")
@click.option("--days", type=float, default=7.0, show_default=True, help="How long the link can be used.")
@json_option
@click.pass_context
def invite(
    ctx: click.Context,
    *,
    login: str | None,
    roles: Sequence[str],
    skills: Sequence[str],
    days: float,
    as_json: bool,
) -> None:
    """Make a link by which one person makes their account, once.

    Example: upbench review users invite --role reviewer --role adjudicator
    """
    with _people(ctx, create=True) as people:
        key, invitation = people.invitations.make(
            by=_operator(), login=login, roles=_roles(roles or ["reviewer"]), skills=skills, days=days
        )
        link = _link(ctx, key)
    emit(invitation.body() | {"link": link}, link, as_json=as_json)
    say(f"can be used once, until {invitation.expires[:16]} UTC; it is shown this once")


@users.command()
@click.argument("who")
@json_option
@click.pass_context
def close(ctx: click.Context, *, who: str, as_json: bool) -> None:
    """Close an account: its sessions and tokens end now; drafts and verdicts stay.

    Example: upbench review users close ada@example.org
    """
    with _people(ctx) as people:
        account = people.close(who, by=_operator())
    emit(account.body(), f"{account.login} is closed", as_json=as_json)


@users.command()
@click.argument("who")
@json_option
@click.pass_context
def reopen(ctx: click.Context, *, who: str, as_json: bool) -> None:
    """Open a closed account again.

    Example: upbench review users reopen ada@example.org
    """
    with _people(ctx) as people:
        account = people.reopen(who, by=_operator())
    emit(account.body(), f"{account.login} is open", as_json=as_json)


@users.command()
@click.argument("who")
@_password_option
@click.option("--link", "as_link", is_flag=True, help="Make a link by which the person sets it, instead.")
@json_option
@click.pass_context
def password(ctx: click.Context, *, who: str, from_stdin: bool, as_link: bool, as_json: bool) -> None:
    """Set a new password, asked for; every session of the person ends.

    Example: upbench review users password ada@example.org --link
    """
    if as_link and from_stdin:
        raise click.UsageError("--password-stdin and --link exclude each other")
    with _people(ctx) as people:
        account = people.get(who)
        if as_link:
            key, invitation = people.invitations.make_for(account.id, by=_operator())
            link = _link(ctx, key)
            emit(invitation.body() | {"link": link}, link, as_json=as_json)
            return
        people.set_password(account.id, _password(from_stdin=from_stdin), by=_operator())
    emit(account.body() | {"password": True}, f"the password of {account.login} is changed", as_json=as_json)


@users.command()
@click.argument("who")
@click.argument("roles", type=ROLES, nargs=-1, required=True)
@json_option
@click.pass_context
def roles(ctx: click.Context, *, who: str, roles: Sequence[str], as_json: bool) -> None:
    """Give a person these roles, and no others.

    Example: upbench review users roles ada@example.org lead adjudicator
    """
    with _people(ctx) as people:
        account = people.change(who, by=_operator(), roles=_roles(roles))
    emit(account.body(), f"{account.login}: {', '.join(sorted(account.person.roles))}", as_json=as_json)


@users.command()
@click.argument("who")
@click.option("--scope", "scopes", type=SCOPES, multiple=True, help="Repeatable (default: read).")
@click.option("--name", default="token", show_default=True, help="What it is for.")
@click.option("--days", type=float, default=90.0, show_default=True, help="How long it lives, at most 366.")
@click.option("--list", "listing", is_flag=True, help="List the person's tokens instead.")
@click.option("--revoke", metavar="ID", help="Revoke one of them instead.")
@json_option
@click.pass_context
def token(
    ctx: click.Context,
    /,
    *,
    who: str,
    scopes: Sequence[str],
    name: str,
    days: float,
    listing: bool,
    revoke: str | None,
    as_json: bool,
) -> None:
    """Make a token for a program that acts as the person, within scopes.

    Example: upbench review users token ada@example.org --scope export --days 30
    """
    from grading import Scope

    with _people(ctx) as people:
        person = people.get(who).id
        if revoke is not None:
            if not people.tokens.revoke(revoke, by=_operator(), person=person):
                from core import BadInput

                raise BadInput(f"there is no such token: {revoke}", field="--revoke", mend="see --list")
            emit({"id": revoke, "revoked": True}, f"{revoke} is revoked", as_json=as_json)
        elif listing:
            tokens = people.tokens.list(person)
            text = "\n".join(map(_told, tokens))
            emit({"tokens": [one.body() for one in tokens]}, text or "none", as_json=as_json)
        else:
            wanted = [Scope(scope) for scope in scopes or ("read",)]
            key, made = people.tokens.make(person, by=_operator(), name=name, scopes=wanted, days=days)
            emit(made.body() | {"token": key}, key, as_json=as_json)
            say(f"good until {made.expires[:10]}; it is shown this once")


@users.command()
@click.option("--last", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many rows.")
@json_option
@click.pass_context
def audit(ctx: click.Context, *, last: int, as_json: bool) -> None:
    """Show the audit log and check its chain; exit code 1 where a row was changed or lacks.

    Example: upbench review users audit --last 10
    """
    from grading import read_audit, verify_audit

    with _people(ctx) as people:
        state, rows = verify_audit(people.database), read_audit(people.database, last=last)
    lines = [f"{r.number:>6}  {r.ts[:19]}  {r.actor:<12}  {r.action:<20}  {r.subject}" for r in reversed(rows)]
    verdict = f"{state.rows} rows, head {state.head or 'none'}: " + (
        "the chain is whole" if state.broken is None else f"BROKEN at row {state.broken}"
    )
    body = {"rows": state.rows, "head": state.head, "broken": state.broken, "last": [vars(row) for row in rows]}
    emit(body, "\n".join([*lines, verdict]), as_json=as_json)
    ctx.exit(0 if state.broken is None else 1)


def _told(token: Token) -> str:
    end = f"until {token.expires[:10]}" if token.revoked is None else f"revoked {token.revoked[:10]}"
    return f"{token.id}  {token.name}  {', '.join(sorted(token.scopes))}  {end}"


@contextmanager
def _people(ctx: click.Context, *, create: bool = False) -> Iterator[People]:
    """The accounts of the project; what cannot be done with them is one line and exit code 2.

    With `create` a folder that is no project yet becomes one.
    """
    from core import BadInput
    from grading import People, PeopleProblem
    from upbench.home import open_home
    from upbench.settings import load_settings

    home = open_home(load_settings(ctx.obj["project"]), create=create)
    try:
        yield People(home.database)
    except PeopleProblem as problem:
        raise BadInput(str(problem)) from problem
    finally:
        home.close()


def _operator() -> str:
    from grading import OPERATOR

    return OPERATOR


def _roles(names: Sequence[str]) -> list[Role]:
    from grading import Role

    return [Role(name) for name in names]


def _link(ctx: click.Context, key: str) -> str:
    from upbench.settings import load_settings

    origin = load_settings(ctx.obj["project"]).review.app_origin
    if origin is None:
        say(f"replace http://127.0.0.1:8765 by what `{called('review', 'serve')}` prints, where that differs")
    return f"{origin or 'http://127.0.0.1:8765'}/invitation?key={key}"


def _password(*, from_stdin: bool) -> str:
    """Typed twice without being shown, or the first line of standard input."""
    if from_stdin:
        line = sys.stdin.readline(_LONGEST)
        if not line.strip():
            raise click.UsageError("standard input holds no password")
        return line.rstrip("\r\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error", GetPassWarning)
        try:
            return str(click.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True))
        except GetPassWarning as error:
            what = "there is no terminal on which to ask for a password; pipe it in with --password-stdin"
            raise click.UsageError(what) from error
