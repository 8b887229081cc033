"""Checks on files as such: that they are there and open, pictures, pages, slides, JSON, HTML and links."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .files import guard, listing, read_text, suffix
from .office import open_pptx, slide_hidden
from .openers import image_facts, open_file
from .outcome import Broken, Missing, Outcome, Unjudgeable, evidence, failed, passed, toolbox
from .submission import Submission
from .texts import HTML, open_pdf, parse_xml, read_json
from .vocabulary_tables import in_range, wanted_range
from .vocabulary_texts import markdown_html

Args = dict[str, Any]


def _all(submission: Submission, args: Args) -> list[str]:
    found = submission.matching(args["file"])
    if not found:
        raise Missing(f"no file matches {args['file']!r}")
    return found


def file_count(submission: Submission, args: Args) -> Outcome:
    """So many files match."""
    found = submission.matching(args["file"])
    text = f"{len(found)} files match {args['file']!r}: {', '.join(found[:10])}; wanted {wanted_range(args)}"
    return (passed if in_range(len(found), args) else failed)(text, found[0] if len(found) == 1 else None)


def opens(submission: Submission, args: Args) -> Outcome:
    """Each matching file opens as what its name says, and is not empty."""
    seen = []
    for file in _all(submission, args):
        try:
            seen.append(evidence("fact", open_file(submission, submission.root / file), file))
        except Broken as error:
            return failed(f"{file}: {error}", file)
    return Outcome("pass", "", seen[:5])


def page_count(submission: Submission, args: Args) -> Outcome:
    """A PDF has so many pages."""
    file = submission.first(args["file"])
    path = submission.root / file
    guard(path)
    if suffix(path) != ".pdf":
        raise Broken(f"{file} is no PDF")
    document = open_pdf(path)
    count = len(document)
    document.close()
    return (passed if in_range(count, args) else failed)(f"{count} pages; wanted {wanted_range(args)}", file)


def slide_count(submission: Submission, args: Args) -> Outcome:
    """A pptx has so many visible slides."""
    file = submission.first(args["file"])
    path = submission.root / file
    guard(path)
    if suffix(path) not in {".pptx", ".pptm"}:
        raise Broken(f"{file} is no presentation (pptx)")
    slides = list(open_pptx(path).slides)
    hidden = sum(slide_hidden(slide) for slide in slides)
    count = len(slides) - hidden
    text = f"{count} visible slides{f' ({hidden} hidden)' if hidden else ''}; wanted {wanted_range(args)}"
    return (passed if in_range(count, args) else failed)(text, file)


def image_size(submission: Submission, args: Args) -> Outcome:
    """Every matching image has the exact, least or largest size in pixels, and one of the formats."""
    seen = []
    formats = [name.upper().replace("JPG", "JPEG") for name in args.get("formats") or ()]
    for file in _all(submission, args):
        path = submission.root / file
        guard(path)
        name, width, height = _svg(path) if suffix(path) == ".svg" else image_facts(path)
        text = f"{name}, {width} x {height} pixels"
        wrong = [f"format is none of {', '.join(formats)}"] if formats and name.upper() not in formats else []
        for side, value in (("width", width), ("height", height)):
            exact, low, high = args.get(side), args.get(f"min_{side}"), args.get(f"max_{side}")
            if exact is not None and value != exact:
                wrong.append(f"{side} wanted {exact}")
            if low is not None and value < low:
                wrong.append(f"{side} wanted at least {low}")
            if high is not None and value > high:
                wrong.append(f"{side} wanted at most {high}")
        if wrong:
            return failed(f"{file}: {text}; {'; '.join(wrong)}", file)
        seen.append(evidence("fact", text, file))
    return Outcome("pass", "", seen[:5])


def _svg(path: Path) -> tuple[str, int, int]:
    root = parse_xml(path)
    box = (root.get("viewBox") or "").replace(",", " ").split()
    sides = []
    for index, side in enumerate(("width", "height")):
        said = root.get(side) or (box[2 + index] if len(box) == 4 else "")
        match = re.fullmatch(r"\s*([\d.]+)\s*(?:px)?\s*", said)
        if match is None:
            raise Unjudgeable(f"the SVG does not say its {side} in pixels")
        sides.append(round(float(match[1])))
    return "SVG", sides[0], sides[1]


def json_keys(submission: Submission, args: Args) -> Outcome:
    """The file is JSON and the dotted paths are there (`items.0.name`; `*`: every item)."""
    file = submission.first(args["file"])
    guard(submission.root / file)
    value = read_json(submission.root / file)
    for key in args.get("keys") or ():
        lacking = _lacks(value, key.split("."), "")
        if lacking:
            return failed(f"{key!r} is not there: {lacking}", file, lacking.split(" ")[0], kind="absence")
    return passed(f"valid JSON with {', '.join(args.get('keys') or ()) or 'no keys asked for'}", file)


def _lacks(value: Any, parts: list[str], trail: str) -> str:
    if not parts:
        return ""
    head, rest = parts[0], parts[1:]
    where = trail or "the document"
    if head == "*":
        items = list(value.items()) if isinstance(value, dict) else list(enumerate(value or ()))
        if not isinstance(value, dict | list) or not items:
            return f"{where} has no items"
        return next((why for name, item in items if (why := _lacks(item, rest, f"{trail}.{name}".strip(".")))), "")
    if isinstance(value, list) and head.isdigit():
        if int(head) >= len(value):
            return f"{where} has no item {head}"
        return _lacks(value[int(head)], rest, f"{trail}.{head}".strip("."))
    if isinstance(value, dict) and head in value:
        return _lacks(value[head], rest, f"{trail}.{head}".strip("."))
    return f"{where} has no key {head!r}"


def html_elements(submission: Submission, args: Args) -> Outcome:
    """Each CSS selector matches at least once."""
    file = submission.first(args["file"])
    path = submission.root / file
    guard(path)
    if suffix(path) not in HTML | {".svg", ".xml"}:
        raise Broken(f"{file} is no HTML")
    soup = toolbox("bs4").BeautifulSoup(read_text(path), "html.parser")
    if soup.find(True) is None:
        raise Broken("the file holds no HTML element")
    counts = []
    for selector in args["selectors"]:
        try:
            count = len(soup.select(selector, limit=100))
        except (toolbox("soupsieve").SelectorSyntaxError, NotImplementedError) as error:
            raise Unjudgeable(f"{selector!r} is no CSS selector: {error}") from error
        if not count:
            return failed(f"nothing matches {selector!r}", file, kind="absence")
        counts.append(f"{selector}: {count}")
    return passed(", ".join(counts), file)


def links_resolve(submission: Submission, args: Args) -> Outcome:
    """Every relative link and image of each page leads to a file (and an anchor) of the submission."""
    there = set(listing(submission.root))
    count = 0
    for file in _all(submission, args):
        soup = _page(submission.root, file)
        for tag in soup.find_all(True):
            for target in _targets(tag):
                wrong = _broken_link(submission.root, there, file, target, soup)
                if wrong:
                    return failed(f"{file}: {target!r} {wrong}", file, f"href={target}")
                count += 1
    return passed(f"{count} links checked", None)


def _page(root: Path, file: str) -> Any:
    path = root / file
    guard(path)
    text = read_text(path)
    if suffix(path) in {".md", ".markdown"}:
        text = markdown_html(text)
    elif suffix(path) not in HTML:
        raise Broken(f"{file} is neither HTML nor Markdown")
    return toolbox("bs4").BeautifulSoup(text, "html.parser")


def _targets(tag: Any) -> list[str]:
    names = ("href", "src", "poster") if tag.name != "base" else ()
    targets = [str(tag[name]) for name in names if tag.get(name) is not None]
    if tag.get("srcset"):
        targets += [part.split()[0] for part in str(tag["srcset"]).split(",") if part.split()]
    return targets


def _broken_link(root: Path, there: set[str], file: str, target: str, soup: Any) -> str:
    """Why a link leads nowhere; empty where it does, or where it leaves the submission on purpose."""
    try:
        link = urlsplit(target.strip())
    except ValueError:
        return "is no address"
    if link.scheme or link.netloc:
        return "points at the author's own disk" if link.scheme == "file" else ""
    path = unquote(link.path)
    if not path:
        return _no_anchor(soup, link.fragment)
    base = "" if path.startswith("/") else posixpath.dirname(file)
    full = posixpath.normpath(posixpath.join(base, path.lstrip("/")))
    if full == ".." or full.startswith("../"):
        return "leaves the submission"
    tries = ("index.html",) if full == "." else (full, f"{full}/index.html")
    found = next((one for one in tries if one in there), "")
    if not found:
        return "" if full != "." and any(one.startswith(full + "/") for one in there) else "leads to no file"
    if link.fragment and found.lower().endswith((".html", ".htm", ".md")):
        return _no_anchor(soup if found == file else _page(root, found), link.fragment)
    return ""


def _no_anchor(soup: Any, fragment: str) -> str:
    name = unquote(fragment)
    if name in {"", "top"} or soup.find(attrs={"id": name}) or soup.find("a", attrs={"name": name}):
        return ""
    return f"leads to no anchor {name!r}"
