"""Small files of each kind, made with the standard library alone."""

from __future__ import annotations

import io
import struct
import wave
import zipfile
import zlib

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_TYPES = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
_RELS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


def packed(entries: dict[str, bytes | str]) -> bytes:
    """A zip with these entries."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


def docx(
    *paragraphs: str, body: str = "", relations: str = "", more: dict[str, bytes | str] | None = None
) -> bytes:
    """A document of Word; `body`: more XML of it, `relations`: of it, `more`: further entries."""
    text = "".join(f"<w:p><w:r><w:t>{one}</w:t></w:r></w:p>" for one in paragraphs)
    default = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    default += (
        '<Default Extension="xml" ContentType="application/xml"/><Default Extension="bin" ContentType="x/x"/>'
    )
    main = f'<Override PartName="/word/document.xml" ContentType="{_MAIN}"/>'
    entries: dict[str, bytes | str] = {
        "[Content_Types].xml": f"{_TYPES}{default}{main}</Types>",
        "_rels/.rels": f'{_RELS}<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="word/document.xml"/>'
        "</Relationships>",
        "word/_rels/document.xml.rels": f"{_RELS}{relations}</Relationships>",
        "word/document.xml": f"<w:document {W}><w:body>{text}{body}<w:sectPr/></w:body></w:document>",
    }
    return packed(entries | (more or {}))


def pdf(*pages: str, more: str = "", size: tuple[int, int] = (612, 792)) -> bytes:
    """A PDF with a line of text on each page; `more`: entries of its catalogue."""
    count = len(pages)
    objects = [f"<< /Type /Catalog /Pages 2 0 R {more} >>"]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {count} >>")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for number, text in enumerate(pages):
        page = f"/MediaBox [0 0 {size[0]} {size[1]}] /Resources << /Font << /F 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R {page} /Contents {5 + 2 * number} 0 R >>")
        stream = f"BT /F 24 Tf 72 {size[1] // 2} Td ({text}) Tj ET"
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size_of = len(objects) + 1
    tail = f"xref\n0 {size_of}\n0000000000 65535 f \n{table}trailer << /Root 1 0 R /Size {size_of} >>"
    return data + f"{tail}\nstartxref\n{len(data)}\n%%EOF".encode()


def png(width: int, height: int, *, said: tuple[int, int] | None = None) -> bytes:
    """A grey picture; `said`: the size that its header claims."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", *(said or (width, height)), 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def wav(seconds: float = 1.5) -> bytes:
    """Silence."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0" * int(8000 * seconds))
    return stream.getvalue()


def xlsx(rows: str, *, more: dict[str, bytes | str] | None = None, after: str = "") -> bytes:
    """A workbook of one sheet; `rows`: its `<row>` elements, `after`: what follows them in the sheet."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
    parts += f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/>'
    default = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    entries: dict[str, bytes | str] = {
        "[Content_Types].xml": f"{_TYPES}{default}{parts}</Types>",
        "_rels/.rels": f'{_RELS}<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/_rels/workbook.xml.rels": f'{_RELS}<Relationship Id="r1" Type="{_OFFICE}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{_OFFICE}"><sheets><sheet name="S" sheetId="1" '
        'r:id="r1"/></sheets></workbook>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData>{after}</worksheet>',
    }
    return packed(entries | (more or {}))
