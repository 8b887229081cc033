"""What an attempt is, and the list of all there are."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.sandbox.escapes.scene import Scene

LOCAL = ("bwrap", "docker", "docker-runsc")
PROVIDERS = (*LOCAL, "e2b")
ALL: dict[str, Attempt] = {}


@dataclass(frozen=True)
class Attempt:
    """One attempt to break out.

    Attributes:
        family: What it belongs to.
        name: A short name, unlike any other's.
        tries: One line: what it tries.
        held: Provider -> what holds it there; a provider that is not named is not tried (`e2b`, mostly, whose
            isolation is E2B's own). `harness` alone: it is tried on the harness's own code, whatever the provider.
        program: `module:name` of what runs inside, where that is all; else a test function tries it.
        contained: Providers where some of it succeeds, within a kernel of their own, and leads nowhere.
        control: How it is shown to work on an unprotected host, in namespaces and on a root to throw away:
            `namespaces` (of every kind), `host` (the host's own but for the root), `plain` (its root as well: it
            changes nothing), `agent` (as `host`, but an unprivileged user); or empty: `no_control` says why.
    """

    family: str
    name: str
    tries: str
    held: dict[str, str]
    program: str = ""
    contained: frozenset[str] = frozenset()
    control: str = ""
    no_control: str = ""

    @property
    def slug(self) -> str:
        """Its name as one word."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def add(attempt: Attempt) -> Attempt:
    """Put an attempt on the list; each is on it once."""
    known = ALL.setdefault(attempt.slug, attempt)
    if known != attempt:
        raise ValueError(f"two attempts are called {attempt.name}")
    return known


def held(by: str = "", **others: str) -> dict[str, str]:
    """`by` on every local provider, but for those named (`runsc` for `docker-runsc`)."""
    found = dict.fromkeys(LOCAL, by) if by else {}
    found |= {"docker-runsc" if name == "runsc" else name: text for name, text in others.items()}
    return {name: text for name, text in found.items() if text}


Test = Callable[..., Awaitable[None]]


def escape(family: str, name: str, tries: str, by: dict[str, str], why: str = "") -> Callable[[Test], Test]:
    """Make an attempt of a test function: around it, the host is looked after.

    Args:
        family, name, tries: As of `Attempt`.
        by: Its `held`.
        why: Why there is no control run; the default says that the function itself checks what the attempt did.
    """
    attempt = add(Attempt(family, name, tries, by, no_control=why or "the test sees that it really happened"))

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        async def run(*, scene: Scene, **more: object) -> None:
            scene.attempt = attempt
            await test(scene=scene, **more)
            await scene.unharmed()

        run.__dict__["attempt"] = attempt
        return run

    return decorate


def on_the_harness(family: str, name: str, tries: str, by: str) -> Callable[[Test], Test]:
    """Make an attempt of a test function that no provider takes part in."""
    attempt = add(
        Attempt(family, name, tries, {"harness": by}, no_control="it is the harness itself that is tried")
    )

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        async def run(**more: object) -> None:
            await test(**more)
            note(attempt, "harness")

        return run

    return decorate


def note(attempt: Attempt, where: str) -> None:
    """Write down that an attempt failed, where the results are being recorded."""
    if folder := os.environ.get("UPBENCH_ESCAPES_RECORD"):
        Path(folder, f"{attempt.slug}@{where}").touch()
