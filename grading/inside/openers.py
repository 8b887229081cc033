"""Whether a file opens as what its name says and holds something; each opener returns what it saw."""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Callable
from pathlib import Path

from .files import MAX_UNPACKED, guard, read_text, suffix
from .office import odf_root, open_docx, open_pptx
from .outcome import Broken, Unjudgeable, toolbox
from .segments import Segment
from .submission import Submission
from .texts import HTML, open_dxf, open_pdf, parse_xml, read_json

IMAGES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ico"}
MAX_PIXELS = 400_000_000


def open_file(submission: Submission, path: Path) -> str:
    """What was seen, in a few words.

    Raises:
        Broken: It does not open as what its name says, or is empty. Unjudgeable: No opener for that name.
    """
    guard(path)
    kind = suffix(path)
    if kind in IMAGES:
        return _image(path)
    if kind in {".xlsx", ".xlsm", ".xltx", ".ods", ".csv", ".tsv"}:
        return _table(submission, path)
    openers: dict[str, Callable[[Path], str]] = {
        ".docx": _docx, ".docm": _docx, ".pptx": _pptx, ".pptm": _pptx, ".pdf": _pdf, ".odt": _odt,
        ".odp": _odt, ".json": _json, ".jsonl": _json, ".ndjson": _json, ".ipynb": _notebook, ".xml": _xml,
        ".svg": _xml, ".zip": _zip, ".dxf": _dxf, ".py": _python, ".txt": _plain, ".md": _plain,
        ".markdown": _plain, ".css": _plain, ".js": _plain, ".sql": _plain, ".yaml": _plain, ".yml": _plain,
    }  # fmt: skip
    if kind in HTML:
        return _html(path)
    if kind not in openers:
        raise Unjudgeable(f"there is no way here to tell whether a {kind or 'nameless'} file opens")
    return openers[kind](path)


def image_facts(path: Path) -> tuple[str, int, int]:
    """(format as Pillow names it, width, height) of an image that loads whole. Raises `Broken`, `Unjudgeable`."""
    pillow = toolbox("PIL.Image")
    pillow.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with pillow.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Unjudgeable(f"the image has {image.width} x {image.height} pixels, more than is read here")
            image.load()
            return str(image.format), int(image.width), int(image.height)
    except pillow.DecompressionBombError as error:
        raise Broken(f"the image is refused as a bomb: {error}") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Broken(f"the image cannot be opened: {error}") from error


def _image(path: Path) -> str:
    name, width, height = image_facts(path)
    wanted = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF"}.get(suffix(path), suffix(path)[1:].upper())
    if name not in {wanted, "MPO" if wanted == "JPEG" else wanted, "TIFF" if wanted == "TIFF" else wanted}:
        raise Broken(f"the name says {wanted}, the content is {name}")
    return f"{name} image, {width} x {height} pixels"


def _table(submission: Submission, path: Path) -> str:
    if suffix(path) in {".csv", ".tsv"}:
        rows = len(submission.grid(path).rows)
    elif suffix(path) == ".ods":
        rows = sum(len(submission.grid(path, name).rows) for name in submission.sheet_names(path))
    else:
        book = submission.book(path)
        cells = [cell for sheet in book.formulas.worksheets for cell in sheet._cells.values()]
        rows = sum(1 for cell in cells if cell.value is not None)
    if not rows:
        raise Broken("it opens, and holds nothing")
    return f"opens, with {rows} filled {'cells' if suffix(path).startswith('.xl') else 'rows'}"


def _something(segments: list[Segment], what: str) -> str:
    count = sum(len(segment.text.split()) for segment in segments)
    if not count:
        raise Broken(f"{what} opens, and holds no text")
    return f"opens, with {count} words"


def _docx(path: Path) -> str:
    from .office import docx_segments

    document = open_docx(path)
    if document.inline_shapes:
        return "opens, with pictures"
    return _something(list(docx_segments(path)), "the document")


def _pptx(path: Path) -> str:
    count = len(open_pptx(path).slides)
    if not count:
        raise Broken("the presentation has no slide")
    return f"opens, with {count} slides"


def _pdf(path: Path) -> str:
    document = open_pdf(path)
    try:
        if not len(document):
            raise Broken("the PDF has no page")
        return f"opens, with {len(document)} pages"
    finally:
        document.close()


def _odt(path: Path) -> str:
    if not "".join(odf_root(path).itertext()).strip():
        raise Broken("the document opens, and holds no text")
    return "opens"


def _json(path: Path) -> str:
    value = read_json(path)
    if value in (None, {}, [], ""):
        raise Broken("the JSON is valid, and empty")
    return f"valid JSON, {type(value).__name__} of {len(value) if isinstance(value, dict | list) else 1}"


def _notebook(path: Path) -> str:
    value = read_json(path)
    if not isinstance(value, dict) or not isinstance(value.get("cells"), list) or not value["cells"]:
        raise Broken("the notebook has no cells")
    return f"notebook of {len(value['cells'])} cells"


def _xml(path: Path) -> str:
    root = parse_xml(path)
    if suffix(path) == ".svg" and not str(root.tag).endswith("svg"):
        raise Broken(f"the root element is {root.tag}, not svg")
    if not len(root) and not (root.text or "").strip():
        raise Broken("it is well-formed, and empty")
    return f"well-formed, {len(root)} elements below the root"


def _html(path: Path) -> str:
    text = read_text(path)
    soup = toolbox("bs4").BeautifulSoup(text, "html.parser")
    if soup.find(True) is None:
        raise Broken("the file holds no HTML element")
    if not soup.get_text(strip=True) and soup.find(["img", "svg", "canvas", "video"]) is None:
        raise Broken("the page shows nothing")
    return "HTML with content"


def _zip(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED // 4:
            raise Unjudgeable("the archive is larger than is unpacked here")
        try:
            bad = archive.testzip()
        except (RuntimeError, zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
            raise Broken(f"the archive is damaged: {error}") from error
        names = [entry for entry in archive.infolist() if not entry.is_dir()]
    if bad is not None:
        raise Broken(f"the archive's entry {bad!r} is damaged")
    if not names:
        raise Broken("the archive is empty")
    return f"archive of {len(names)} files"


def _dxf(path: Path) -> str:
    count = len(open_dxf(path).modelspace())
    if not count:
        raise Broken("the drawing holds no entity")
    return f"drawing with {count} entities"


def _python(path: Path) -> str:
    text = read_text(path)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Broken(f"not valid Python: {error}") from error
    if not tree.body:
        raise Broken("the program is empty")
    return f"valid Python, {len(tree.body)} statements"


def _plain(path: Path) -> str:
    text = read_text(path)
    if not text.strip():
        raise Broken("the file holds no text")
    return f"text of {len(text.split())} words"
