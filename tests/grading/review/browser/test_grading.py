"""The grading page, by keyboard alone."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.grading.review.browser.served import Served


def test_the_queue_is_shown(served: Served, tab: Page) -> None:
    served.publish()
    served.sign_in(tab)
    assert "A list of farms" in tab.inner_text("main")
