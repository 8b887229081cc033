"""Tools called by hand, and documents of every common kind to call them on."""

from __future__ import annotations

import json
from typing import Any

from agents.presets import tools_of
from agents.tools.base import Outcome, ToolContext, use
from core import ToolCall
from sandbox import Sandbox

MAKE = """
import docx, pptx, openpyxl, zipfile
from reportlab.pdfgen.canvas import Canvas
from PIL import Image
d = docx.Document(); d.add_heading("Offer", 1); d.add_paragraph("First words")
t = d.add_table(1, 2); t.cell(0, 0).text = "left"; t.cell(0, 1).text = "right"; d.save("a.docx")
p = pptx.Presentation(); s = p.slides.add_slide(p.slide_layouts[0]); s.shapes.title.text = "Hello"
s.notes_slide.notes_text_frame.text = "say hi"; p.save("a.pptx")
b = openpyxl.Workbook(); b.active.title = "Sum"; b.active.append(["x", 2])
b.active["B2"] = "=B1*2"; b.save("a.xlsx")
c = Canvas("a.pdf"); c.drawString(72, 700, "page one"); c.showPage(); c.drawString(72, 700, "page two"); c.save()
Image.new("RGBA", (4000, 1000), "red").save("a.png")
open("a.html", "w").write("<style>x</style><p>Read <a href='b.html'>more</a></p>")
open("latin.txt", "wb").write("größer, länger, schöner und für alle".encode("latin-1"))
open("blob.bin", "wb").write(bytes(range(256)))
open("a.ipynb", "w").write('{"cells": [{"cell_type": "code", "source": ["1+1"], "outputs": [{"text": ["2"]}]}]}')
zipfile.ZipFile("a.zip", "w").writestr("inner.txt", "x")
"""


class Hands:
    """Calls tools by name, as the agent does."""

    def __init__(self, sandbox: Sandbox, preset: str = "standard", **context: Any) -> None:
        self.sandbox, self.tools, self.context, self.number = sandbox, tools_of(preset), context, 0

    async def __call__(self, name: str, **arguments: Any) -> Outcome:
        self.number += 1
        call = ToolCall(id="c", name=name, arguments=arguments, raw_arguments=json.dumps(arguments))
        return await use(self.tools, call, ToolContext(self.sandbox, self.number, **self.context))
