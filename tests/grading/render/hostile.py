"""Deliverables that mean harm, or are no good: what is made of each is told beside it."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
from dataclasses import dataclass

from tests.grading.render.made import docx, packed, pdf, png, xlsx

SECRET = "root:x:0:0"
"""Of the sandbox's own list of users, which some of these try to draw in."""

_EXTERNAL = (
    '<Relationship Id="r9" TargetMode="External" Target="{}" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{}"/>'
)
_LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 20}">' for n in range(10)
)
_FILE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
_SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="60">'


@dataclass(frozen=True)
class Hostile:
    """A file, and what is to be seen of it.

    Attributes:
        kind: As it is looked at. problem: Words of why it is refused; None: it is shown. flag, note: Words of one.
        office: It is given to LibreOffice.
    """

    data: bytes
    kind: str
    problem: str | None = None
    flag: str | None = None
    note: str | None = None
    office: bool = False


def bomb(name: str, size: int) -> bytes:
    """A zip whose entry unpacks, as it says, to so many bytes."""
    data = bytearray(packed({name: b"\0" * 1000}))
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = size.to_bytes(4, "little")
    return bytes(data)


def crowded(entries: int) -> bytes:
    """A zip whose directory lists its one entry so often."""
    data = packed({"a.txt": ""})
    directory, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    listed = data[directory:end] * entries
    said = struct.pack("<HHI", entries, entries, len(listed))
    return data[:directory] + listed + data[end : end + 8] + said + data[end + 16 :]


def linking() -> bytes:
    """A zip with a symbolic link out of it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        link = zipfile.ZipInfo("passwd.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return stream.getvalue()


def encrypted() -> bytes:
    """A zip whose entry says that it is encrypted."""
    data = bytearray(packed({"a.txt": "secret"}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(mark)
        data[place + at] |= 1
    return bytes(data)


def deep(opening: str, closing: str, times: int) -> bytes:
    """Nested so often."""
    return (opening * times + closing * times).encode()


def with_page_count(count: int) -> bytes:
    """A PDF that claims more pages than it has."""
    return pdf("One").replace(b"/Count 1", b"/Count %d" % count)


_SCRIPT = "/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"
_NAMED = "/Names << /JavaScript << /Names [(a) << /S /JavaScript /JS (app.alert\\(1\\)) >>] >> >>"
_LAUNCH = "/OpenAction << /S /Launch /F (cmd.exe) >>"
_NOTEBOOK = {"cells": [{"source": "1", "outputs": [{"data": {"text/html": "<script>1</script>"}}]}]}

CASES: dict[str, Hostile] = {
    # Pages
    "script.html": Hostile(b"<p>text</p><script>top.location='x'</script>", "html", flag="scripts"),
    "handlers.html": Hostile(b"<img src=x onerror=alert(1)><p>text", "html", flag="scripts"),
    "elsewhere.html": Hostile(b"<img src='https://example.org/p.png'>text", "html", flag="elsewhere"),
    "deep.html": Hostile(deep("<div>", "</div>", 4_000), "html"),
    "binary.html": Hostile(b"\0\1\2" * 50, "html", problem="binary"),
    # PDF
    "script.pdf": Hostile(pdf("Text", more=_NAMED), "pages", flag="scripts"),
    "opens.pdf": Hostile(pdf("Text", more=_SCRIPT), "pages"),
    "launch.pdf": Hostile(pdf("Text", more=_LAUNCH), "pages"),
    "cut.pdf": Hostile(pdf("Text")[:60], "pages", problem="cannot be opened"),
    "endless.pdf": Hostile(with_page_count(2_000_000_000), "pages"),
    "vast.pdf": Hostile(pdf("Text", size=(2_000_000, 14)), "pages"),
    "page-in-pdf.pdf": Hostile(b"<html><script>alert(1)</script>\n" + pdf("Text"), "pages"),
    "empty.pdf": Hostile(b"", "pages", problem="empty"),
    "locked.pdf": Hostile(
        pdf("Text").replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt << /Filter /Other /V 9 >>"),
        "pages",
        problem="cannot be opened",
    ),
    # Pictures
    "vast.png": Hostile(png(4, 4, said=(100_000, 100_000)), "image", problem="pixels"),
    "bomb.png": Hostile(png(4, 4, said=(2**31 - 1, 2**31 - 1)), "image", problem="bomb"),
    "cut.png": Hostile(png(64, 64)[:50], "image", problem="cannot be opened"),
    "page.png": Hostile(b"<html><script>alert(1)</script></html>", "image", problem="cannot be opened"),
    "empty.jpg": Hostile(b"", "image", problem="empty"),
    "script.svg": Hostile(
        f'{_SVG}<script>alert(1)</script><rect width="9" height="9" onload="alert(1)"/></svg>'.encode(),
        "image",
        flag="scripts",
        office=True,
    ),
    "file.svg": Hostile(
        f'{_FILE}{_SVG}<text y="9">&e;</text><image xlink:href="file:///etc/passwd"/></svg>'.encode(),
        "image",
        office=True,
    ),
    # Archives
    "bomb.zip": Hostile(bomb("a.bin", 2 << 30), "archive", problem="zip bomb"),
    "many.zip": Hostile(crowded(20_001), "archive", problem="zip bomb"),
    "encrypted.zip": Hostile(encrypted(), "archive", problem="encrypted"),
    "cut.zip": Hostile(packed({"a": "b"})[:-9], "archive", problem="cannot be opened"),
    "links.zip": Hostile(linking(), "archive"),
    "outside.zip": Hostile(packed({"../../etc/cron.d/x": "x", "C:\\x.txt": "x", "/abs": "x"}), "archive"),
    "nested.zip": Hostile(packed({"inner.zip": bomb("a.bin", 2 << 30)}), "archive"),
    # Office files
    "bomb.docx": Hostile(bomb("word/document.xml", 700 << 20), "pages", problem="zip bomb"),
    "long.docx": Hostile(bomb("word/document.xml", 100 << 20), "pages", problem="XML"),
    "locked.docx": Hostile(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "pages", problem="encrypted"),
    "text.docx": Hostile(b"only text", "pages", problem="cannot be opened"),
    "laughs.docx": Hostile(
        docx(more={"word/document.xml": f"<?xml version='1.0'?>{_LAUGHS}]><x>&k;</x>"}), "pages", problem="opened"
    ),
    "macros.docm": Hostile(
        docx("Hello", relations=_EXTERNAL.format("https://example.org/t.dotm", "attachedTemplate"),
             more={"word/vbaProject.bin": b"x" * 40}),
        "pages", flag="macros", office=True,
    ),
    # Tables
    "formulas.csv": Hostile(b'a,b\n=cmd|\' /C calc\'!A0,"@SUM(1)"\n+1,-2\n', "sheet", flag="2 cells"),
    "wide.csv": Hostile(b"," * 600_000, "sheet"),
    "binary.csv": Hostile(b"a,b\n\0\0\n", "sheet", problem="binary"),
    "marks.csv": Hostile("a\u202eb,c\u0007\u2066d\n".encode(), "sheet"),
    "far.xlsx": Hostile(xlsx('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "sheet"),
    "merged.xlsx": Hostile(
        xlsx('<row r="1"><c r="A1"><v>1</v></c></row>',
             after='<mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'),
        "sheet", problem="merged",
    ),
    "broken.xlsx": Hostile(xlsx("<row><c>"), "sheet", problem="cannot be opened"),
    # The rest
    "deep.json": Hostile(deep("[", "]", 200_000), "text"),
    "notebook.ipynb": Hostile(json.dumps(_NOTEBOOK).encode(), "pages"),
    "bare.ipynb": Hostile(b'{"cells": 1}', "pages", problem="cells"),
    "list.mp4": Hostile(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "video"),
    "noise.mp3": Hostile(bytes(range(256)) * 20, "audio"),
    "program.exe": Hostile(b"MZ\0\0" * 50, "text", problem="no text"),
}  # fmt: skip
