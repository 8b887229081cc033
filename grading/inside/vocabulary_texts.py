"""Checks on the text of documents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .files import read_text, suffix
from .outcome import Broken, Outcome, Unjudgeable, evidence, failed, passed, toolbox
from .submission import Submission
from .texts import HTML, DocumentText
from .values import fold, norm, words
from .vocabulary_tables import in_range, wanted_range

Args = dict[str, Any]
_NUMBERING = re.compile(
    r"^(?:(?:section|chapter|part)\s+)?(?:\d+(?:\.\d+)*|[ivxlc]+|[a-z])\s*[.):\-]\s*|^\d+(?:\.\d+)*\s+",
    re.IGNORECASE,
)
MIN_LANGUAGE_WORDS = 12
LANGUAGE_SHARE = 0.75


def _text(submission: Submission, args: Args) -> tuple[str, DocumentText]:
    file = submission.first(args["file"])
    return file, submission.text(submission.root / file)


def word_count(submission: Submission, args: Args) -> Outcome:
    """The text has so many words."""
    file, text = _text(submission, args)
    count = len(words(text.body))
    seen = f"{count} words; wanted {wanted_range(args)}"
    return (passed if in_range(count, args) else failed)(seen, file)


def text_matches(submission: Submission, args: Args) -> Outcome:
    """A regular expression is found at least `min` times (`absent`: is not found).

    Besides the text as it is, the text with plain spaces, quotes and hyphens is searched.
    """
    file, text = _text(submission, args)
    flags = re.MULTILINE | (0 if args.get("ignore_case") is False else re.IGNORECASE)
    try:
        pattern = re.compile(args["pattern"], flags)
    except re.error as error:
        raise Unjudgeable(f"not a regular expression: {error}") from error
    wanted = int(args.get("min") or 1)
    whole = text.whole
    found = list(pattern.finditer(whole))
    if len(found) < wanted:
        whole = _folded(text)
        found = max(found, list(pattern.finditer(whole)), key=len)
    if args.get("absent"):
        if found:
            return _quote(failed, found[0], text, file, f"found {len(found)} times: ")
        return passed(f"searched for {args['pattern']}, not found", file, kind="absence")
    if len(found) < wanted:
        return failed(f"{args['pattern']!r} found {len(found)} times; wanted {wanted}", file, kind="absence")
    return _quote(passed, found[0], text, file, "")


def _folded(text: DocumentText) -> str:
    return "\n".join(fold(segment.text) for segment in text.segments)


def _quote(verdict: Any, match: re.Match[str], text: DocumentText, file: str, before: str) -> Outcome:
    start, end = max(0, match.start() - 40), min(len(match.string), match.end() + 40)
    quote = " ".join(match.string[start:end].split())
    outcome: Outcome = verdict(before + quote, file)
    outcome.evidence = [evidence("quote", quote, file, text.anchor_at(match.start()))]
    return outcome


def text_contains(submission: Submission, args: Args) -> Outcome:
    """The text holds all (or `at_least`) of the phrases, regardless of case and spacing."""
    file, text = _text(submission, args)
    whole = norm(text.whole)
    found = [phrase for phrase in args["phrases"] if norm(phrase) in whole]
    lacking = [phrase for phrase in args["phrases"] if phrase not in found]
    wanted = args.get("at_least") or len(args["phrases"])
    if len(found) < wanted:
        return failed(f"not found: {', '.join(map(repr, lacking))}", file, kind="absence")
    outcome = passed(f"found: {', '.join(map(repr, found))}", file)
    outcome.evidence = [
        evidence("quote", phrase, file, _anchor_of(phrase, text)) for phrase in found[:5]
    ]  # fmt: skip
    return outcome


def _anchor_of(phrase: str, text: DocumentText) -> str | None:
    wanted = norm(phrase)
    return next((segment.anchor for segment in text.segments if wanted in norm(segment.text)), None)


def headings(submission: Submission, args: Args) -> Outcome:
    """The headings are there, in this order, whatever stands between (numbering and case do not matter)."""
    file = submission.first(args["file"])
    there = document_headings(submission, submission.root / file)
    position, plain = 0, [_heading(title) for title in there]
    for name in args["names"]:
        try:
            position = plain.index(_heading(name), position) + 1
        except ValueError:
            where = "in this place" if _heading(name) in plain else ""
            listed = ", ".join(repr(title) for title in there[:20]) or "none"
            return failed(f"no heading {name!r} {where}; there are {listed}", file, kind="absence")
    return passed(f"headings: {', '.join(there[:20])}", file)


def _heading(text: str) -> str:
    plain = norm(text)
    return _NUMBERING.sub("", plain).strip(" .:#*_-") or plain


def document_headings(submission: Submission, path: Path) -> list[str]:
    """The headings of a docx, odt, pptx, md or html in reading order. Raises `Broken` for other kinds."""
    if suffix(path) in HTML:
        return _html_headings(read_text(path))
    if suffix(path) in {".md", ".markdown"}:
        return _html_headings(markdown_html(read_text(path)))
    if suffix(path) in {".docx", ".docm", ".odt", ".pptx"}:
        return [" ".join(one.text.split()) for one in submission.text(path).segments if one.level]
    raise Broken(f"{path.name} is of a kind without headings")


def markdown_html(text: str) -> str:
    """Markdown as HTML, with an `id` on every heading."""
    rendered: str = toolbox("markdown").markdown(text, extensions=["tables", "fenced_code", "toc", "sane_lists"])
    return rendered


def _html_headings(text: str) -> list[str]:
    soup = toolbox("bs4").BeautifulSoup(text, "html.parser")
    return [" ".join(tag.get_text().split()) for tag in soup.find_all(re.compile(r"^h[1-6]$"))]


def language(submission: Submission, args: Args) -> Outcome:
    """At least three quarters of the text (by words) is in that language."""
    file, text = _text(submission, args)
    pieces = _pieces(text)
    total = sum(len(piece.split()) for piece in pieces)
    if total < MIN_LANGUAGE_WORDS:
        if total == 0:
            return failed("the file holds no text", file, kind="absence")
        raise Unjudgeable(f"the text has {total} words, too few to tell its language")
    classify = toolbox("py3langid").classify
    share: dict[str, int] = {}
    for piece in pieces:
        code = str(classify(piece)[0])
        share[code] = share.get(code, 0) + len(piece.split())
    ranked = sorted(share.items(), key=lambda pair: -pair[1])[:4]
    parts = ", ".join(f"{code} {count / total:.0%}" for code, count in ranked)
    good = share.get(args["code"], 0) / total >= LANGUAGE_SHARE
    return (passed if good else failed)(f"language by words: {parts}; wanted {args['code']}", file)


def _pieces(text: DocumentText) -> list[str]:
    """The text in pieces of 30 to 60 words, so that a half left untranslated shows."""
    pieces: list[str] = []
    held: list[str] = []
    for word in text.whole.split()[:20_000]:
        if any(char.isalpha() for char in word):
            held.append(word)
        if len(held) >= 40:
            pieces.append(" ".join(held))
            held = []
    if held and len(held) < 20 and pieces:
        pieces[-1] += " " + " ".join(held)
    elif held:
        pieces.append(" ".join(held))
    return pieces
