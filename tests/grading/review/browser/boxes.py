"""An outbox in a tab, without the grading page around it, and what the server has."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from grading.review.desk import Review, ReviewDesk
from tests.grading.review.browser.served import WAIT, Served

_OPEN = """async ([alias, revisions, person]) => {
  const { Outbox } = await import("/static/outbox/outbox.mjs");
  const { Api } = await import("/static/api.mjs");
  Api.csrf = await fetch("/api/session").then((answer) => answer.json()).then(({ csrf }) => csrf);
  const box = new Outbox({ alias, api: new Api(alias), person, revisions });
  window.box = box;
  window.said = [];
  for (const type of ["state", "accepted", "refused", "conflict", "locked", "elsewhere"]) {
    box.addEventListener(type, (event) => window.said.push([type, event.detail]));
  }
  return box.start();
}"""


class Box:
    """An outbox in a tab that is signed in."""

    def __init__(
        self, served: Served, tab: Page, alias: str, revisions: dict[str, int] | None = None, person: str = "local"
    ) -> None:
        tab.goto(f"{served.app}/healthz")
        self._tab = tab
        self.found: list[Any] = tab.evaluate(_OPEN, [alias, revisions or {}, person])

    def put(self, key: str, delay: int = 0, **body: Any) -> None:
        """A wish."""
        full = body if key == "" else {"verdict": None, "feedback": "", "evidence": []} | body
        self._tab.evaluate("([key, body, delay]) => box.put(key, body, delay)", [key, full, delay])

    def call(self, expression: str) -> Any:
        """Something that the page does with it."""
        return self._tab.evaluate(expression)

    def said(self, kind: str) -> list[dict[str, Any]]:
        """What it told the page, of one kind."""
        told: list[dict[str, Any]] = self._tab.evaluate(
            "(kind) => said.filter(([type]) => type === kind).map(([, detail]) => detail)", kind
        )
        return told

    @property
    def state(self) -> str:
        """What it says of itself now."""
        return str((self.said("state") or [{"state": ""}])[-1]["state"])

    def until(self, state: str) -> None:
        """Wait for a state."""
        self._tab.wait_for_function(
            "(state) => said.filter(([type]) => type === 'state').at(-1)?.[1].state === state",
            arg=state,
            timeout=WAIT * 1000,
        )


def review(served: Served, alias: str) -> Review:
    """A review as the server has it."""
    return ReviewDesk(served.book, "local").open(alias)


def saved(served: Served, alias: str) -> dict[str, tuple[int, str | None]]:
    """Criterion -> (revision, verdict) on the server."""
    drafts = review(served, alias).drafts
    return {key: (at, draft.verdict.value if draft.verdict else None) for key, (at, draft) in drafts.items()}


def eventually(holds: Callable[[], bool], tab: Page) -> None:
    """Wait until something holds; what the tab asks of the test is answered meanwhile."""
    end = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        tab.wait_for_timeout(50)
