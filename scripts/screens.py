"""Make the pictures of `docs/screens`: `python -m scripts.screens [FOLDER]`.

A project is filled by the commands of the product: jobs of the starter pack done by the scripted stand-in,
graded by two people who differ, reworked in three arms. Chromium looks at every screen of it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize, sync_playwright

from grading import OPERATOR, Book, People, ReviewDesk, adjudications_due
from grading.adjudication.pay_rule import PayRule, set_rule
from grading.review.drafts import Draft
from grading.review.reviews import Review
from rubrics import Verdict
from upbench.deciding import deciding
from upbench.home import Home, open_home
from upbench.settings import load_settings

JOBS = ("checkout-ab-test", "volunteer-handbook-copyedit", "thirteen-week-cash-flow", "trail-race-sponsor-deck")
PEOPLE = {
    "ada": ("admin", "lead", "adjudicator", "reviewer"),
    "liz": ("lead",),
    "ben": ("reviewer",),
    "eva": ("reviewer",),
}
UPBENCH = str(Path(sys.executable).with_name("upbench"))
PASSWORD = "a long sentence that nobody guesses"  # noqa: S105 - of a project that lives for a minute
SIZE: ViewportSize = {"width": 1280, "height": 800}
PATIENCE = 60_000.0
PAGES = {
    "/work": "work",
    "/exam": "exam",
    "/adjudications": "adjudications",
    "/tickets": "tickets",
    "/reviewers": "reviewers",
    "/pay": "pay",
    "/lead": "lead",
    "/lead/gold": "gold",
    "/lead/export": "export",
    "/lead/unblinded": "unblinded",
    "/account": "account",
    "/people": "people",
    "/people/audit": "audit",
}
REMARK = "This does not agree with the brief: compare its second paragraph."


def upbench(project: Path, *words: str, typed: str = "") -> None:
    """One command of the product."""
    command = [UPBENCH, "--project", str(project), *words]
    subprocess.run(command, input=typed, check=True, stdout=subprocess.DEVNULL, text=True)


def fill(project: Path) -> None:
    """A run with two reviewers a submission, and three people."""
    jobs = [word for job in JOBS for word in ("--job", job)]
    upbench(project, "run", "starter", "--agent", "react", "--model", "scripted/starter", *jobs,
            "--protocol", "both", "--echo", "--reviewers", "2")  # fmt: skip
    for name, roles in PEOPLE.items():
        each = [word for role in roles for word in ("--role", role)]
        upbench(project, "review", "users", "add", name, *each, "--password-stdin", typed=PASSWORD + "\n")


def graded(home: Home) -> None:
    """Two people fail a criterion of the first job, and differ about one of the second."""
    people = People(home.database)
    with deciding(home, print) as settled:
        for login in ("ben", "eva"):
            desk = ReviewDesk(Book(home.database), people.get(login).person, settled, adjudications_due)
            for review in {review.item.job: review for review in desk.queue()}.values():
                if review.item.job in JOBS[:2]:
                    fails = login == "ben" or review.item.job == JOBS[0]
                    grade(desk, review, fails=fails)


def grade(desk: ReviewDesk, review: Review, *, fails: bool) -> None:
    """Pass every criterion, but for the first if that `fails`."""
    desk.lease(review.alias)
    for number, criterion in enumerate(review.item.criteria):
        verdict = Verdict.failed if fails and number == 0 else Verdict.passed
        remark = REMARK if verdict is Verdict.failed else ""
        desk.save(review.alias, criterion.id, 0, Draft(verdict=verdict, feedback=remark))
    desk.judge(review.alias, 0, "fail" if fails else "pass")
    desk.lock(review.alias)


@contextmanager
def served(project: Path) -> Iterator[dict[str, Any]]:
    """The review app at work, with its worker; what it says of itself."""
    command = [UPBENCH, "--project", str(project), "review", "serve", "--no-open", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def look(page: Page, said: dict[str, Any], folder: Path) -> None:
    """Every screen, in the order of a day's work."""

    def shot(name: str) -> None:
        page.wait_for_timeout(1500)
        page.screenshot(path=folder / f"{name}.png")

    def visit(path: str, name: str) -> None:
        page.goto(said["app"] + path)
        shot(name)

    visit("/", "door")
    sign_in(page, said, "ada")
    shot("queue")
    grading(page, said, shot)
    for path, name in PAGES.items():
        visit(path, name)
    page.goto(said["app"] + "/adjudications")
    page.locator("main a[href^='/adjudications/']").first.click()
    read(page)
    shot("adjudication")
    page.context.clear_cookies()
    sign_in(page, said, "liz")
    page.goto(said["app"] + "/lead")
    page.locator("#run").select_option(index=1)
    page.get_by_role("button", name="Show").click()
    page.locator("main a[href$='/figures']").first.click()
    shot("figures")
    page.goto(page.url.removesuffix("/figures"))
    shot("run")
    page.locator("main a[href*='/trials/']").first.click()
    page.get_by_role("button", name="Look, and judge").click()
    shot("trial")
    page.context.clear_cookies()
    sign_in(page, said, "ben")
    opened(page, said, "A/B")
    page.keyboard.press("v")
    read(page)
    shot("changes")
    page.goto(said["app"] + "/")
    page.get_by_role("region", name="Locked of late").locator("a", has_text="A/B").click()
    read(page)
    shot("locked")


def sign_in(page: Page, said: dict[str, Any], login: str) -> None:
    """By name and password."""
    page.goto(said["app"] + "/")
    page.get_by_label("Name").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_text("Sign out").wait_for(timeout=PATIENCE)


def grading(page: Page, said: dict[str, Any], shot: Callable[[str], None]) -> None:
    """A deck and a workbook are graded; a reworked submission beside what it was."""
    opened(page, said, "deck")
    page.keyboard.press("2")
    page.keyboard.type("The second slide has no figure of last year's visitors.")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    shot("grading")
    page.keyboard.press("s")
    shot("split")
    page.keyboard.press("s")
    page.keyboard.press("?")
    shot("keys")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    shot("submitting")
    opened(page, said, "cash")
    page.keyboard.press("f")
    read(page)
    shot("sheet")


def opened(page: Page, said: dict[str, Any], title: str) -> None:
    """A review of the job whose title holds these words."""
    page.goto(said["app"] + "/")
    page.locator("a[href^='/review/']", has_text=re.compile(title, re.IGNORECASE)).first.click()
    page.wait_for_selector(".card[aria-current]", timeout=PATIENCE)
    read(page)


def read(page: Page) -> None:
    """Wait until a file is shown: its rendering may just be made."""
    page.wait_for_timeout(1000)
    page.wait_for_function("() => !document.body.innerText.includes('Reading …')", timeout=PATIENCE)
    page.wait_for_timeout(1500)


def main() -> None:
    """Make them all."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/screens").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        project = Path(scratch)
        fill(project)
        home = open_home(load_settings(project))
        with home.database.write() as connection:
            set_rule(connection, PayRule(currency="EUR", hourly=4500), OPERATOR)
        graded(home)
        home.close()
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with served(project) as said:
            look(chromium.new_context(viewport=SIZE).new_page(), said, folder)
        chromium.close()


if __name__ == "__main__":
    main()
