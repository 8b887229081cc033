"""Pages as images for a judge: few and bounded, cited by name, and part of who the judge is."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core import LLM_MIGRATIONS, CallJournal, Database, model_config
from grading import JudgeConfig, JudgeOutcome, Rendered, judge_submission, pictures_of
from grading.judge import pictures as bounds
from grading.render.model import DrawnPage, Picture
from rubrics import Rubric
from tests.core.llm.support import PROVIDERS, client
from tests.grading.judge.test_judge import answer, criterion, quote
from tests.standins.llm import Standin, Turn

# The smallest still WebP without loss: one pixel.
PIXEL = bytes.fromhex("524946461a000000574542505650384c0e0000002f00000000071011fd0f4444ff03")
SHA = "0" * 64
CONFIG = JudgeConfig(model=model_config("openai/gpt-5.6-sol"), page_images=4)


def digest(number: int) -> str:
    return f"{number:064x}"


def drawn(count: int, name: str = "Page {}", first: int = 1, **more: Any) -> Rendered:
    pages = tuple(
        DrawnPage(
            number=number, width=1, height=1, label=name.format(number),
            image=digest(first * 1000 + number), small=SHA, words=SHA,
        )
        for number in range(1, count + 1)
    )  # fmt: skip
    return Rendered(
        sha256=SHA, suffix=".pdf", kind="pages", pages=pages, segments=(("page=1", "Total 42"),), **more
    )


def anchors(found: bounds.Pictures) -> list[tuple[str, str]]:
    return [(one.path, one.anchor) for one in found.shown]


def test_short_files_are_whole_and_the_rest_share_what_is_left() -> None:
    files = [("long.pdf", drawn(9)), ("deck.pptx", drawn(2, "Slide {}")), ("film.mp4", drawn(3, "t=00:0{}"))]
    found = pictures_of(files, 7, lambda _: PIXEL)
    assert anchors(found) == [
        ("long.pdf", "page=1"), ("long.pdf", "page=2"), ("long.pdf", "page=3"),
        ("deck.pptx", "slide=1"), ("deck.pptx", "slide=2"),
        ("film.mp4", "t=00:01"), ("film.mp4", "t=00:02"),
    ]  # fmt: skip
    assert found.counts == {"long.pdf": (3, 9), "deck.pptx": (2, 2), "film.mp4": (2, 3)}
    assert pictures_of(files, 0, lambda _: PIXEL).shown == ()


def test_a_picture_is_shown_and_a_hidden_slide_is_not() -> None:
    photo = Rendered(sha256=SHA, suffix=".png", kind="image", picture=Picture(image=digest(1), width=1, height=1))
    found = pictures_of([("a.png", photo), ("b.pptx", drawn(1, "Slide {} (hidden)"))], 5, lambda _: PIXEL)
    assert anchors(found) == [("a.png", "")]
    assert found.shown[0].image.data == PIXEL


def test_images_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "IMAGE_BYTES", 100)
    monkeypatch.setattr(bounds, "ALL_BYTES", 200)
    sizes: Mapping[str, int] = {digest(1001): 101, digest(1002): 90, digest(1003): 90, digest(1004): 90}
    found = pictures_of([("a.pdf", drawn(4))], 4, lambda sha: b"x" * sizes[sha])
    assert anchors(found) == [("a.pdf", "page=2"), ("a.pdf", "page=3")]
    assert found.counts == {"a.pdf": (2, 4)}


def region(anchor: str, file: str = "report.pdf") -> dict[str, str]:
    return quote("The chart has a legend", file, kind="region") | {"anchor": anchor}


async def judge(
    provider: str, standin: Standin, folder: Path, said: str, config: JudgeConfig = CONFIG
) -> JudgeOutcome:
    files = [("report.pdf", drawn(6))]
    journal = CallJournal(Database(folder / "calls.db", LLM_MIGRATIONS))
    async with client(provider, standin, [Turn(text=said)]) as model:
        (outcome,) = await judge_submission(
            config,
            lambda key, request: journal.call(model, key, request),
            brief="Draw a chart.",
            rubric=Rubric(criteria=(criterion("legend", text="The chart has a legend"),)),
            renderings=[rendered.of(path) for path, rendered in files],
            key="run/trial/1",
            pictures=pictures_of(files, config.page_images, lambda _: PIXEL),
        )
    return outcome


def images_in(body: Any) -> int:
    """How many times the picture stands in a request, whatever the provider's form of it."""
    return json.dumps(body).count(base64.b64encode(PIXEL).decode())


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_every_provider_is_shown_the_pages_and_what_is_seen_there_stands(
    provider: str, llm_standin: Standin, tmp_path: Path
) -> None:
    outcome = await judge(provider, llm_standin, tmp_path, answer("pass", region("[page=2]")))
    assert (outcome.verdict, outcome.reason) == ("pass", None)
    assert [(one.kind, one.file, one.anchor) for one in outcome.evidence] == [("region", "report.pdf", "page=2")]
    (request,) = llm_standin.requests
    assert images_in(request.body) == 4
    text = json.dumps(request.body)
    assert "shown as images: 4 of 6 pages" in text
    assert "Image: [page=4] Page 4 of" in text
    assert not llm_standin.rejected


@pytest.mark.parametrize("anchor", ["page=5", "", "page=99"])
async def test_a_page_that_was_not_shown_is_no_evidence(anchor: str, llm_standin: Standin, tmp_path: Path) -> None:
    outcome = await judge("openai", llm_standin, tmp_path, answer("pass", region(anchor)))
    assert (outcome.verdict, outcome.reason) == ("cannot_judge", "evidence_not_found")


async def test_a_judge_without_images_cites_none(llm_standin: Standin, tmp_path: Path) -> None:
    plain = CONFIG.model_copy(update={"page_images": 0})
    outcome = await judge("openai", llm_standin, tmp_path, answer("pass", region("page=1")), plain)
    assert outcome.reason == "evidence_not_found"
    (request,) = llm_standin.requests
    assert images_in(request.body) == 0
    assert "region" not in json.dumps(request.body)


def test_how_many_pages_it_sees_is_who_it_is() -> None:
    digests = {CONFIG.model_copy(update={"page_images": pages}).digest for pages in (0, 4, 5)}
    assert len(digests) == 3
