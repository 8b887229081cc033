"""Spoiled variants of the plate for the water jet."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.packs import spoil


def _edit(folder: Path, change: Callable[[Any, Any], None]) -> None:
    path = spoil.one(folder, "*.dxf")
    doc = importlib.import_module("ezdxf").readfile(path)
    change(doc, doc.modelspace())
    doc.saveas(path)


def _circles(msp: Any, radius: float) -> list[Any]:
    found = [e for e in msp.query('CIRCLE[layer=="CUT"]') if abs(e.dxf.radius - radius) < 0.01]
    assert found
    return found


def _contour(msp: Any, number: int) -> Any:
    return msp.query('LWPOLYLINE[layer=="CUT"]')[number]


def chamfer_left_out(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        line = _contour(msp, 0)
        points = [p for p in line.get_points("xyb") if p[:2] not in {(215.0, 0.0), (240.0, 25.0)}]
        line.set_points([points[0], (240, 0, 0), *points[1:]], format="xyb")

    _edit(folder, change)


def sharp_corners(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        line = _contour(msp, 0)
        line.set_points(
            [(x, y, 0 if bulge > 0 else bulge) for x, y, bulge in line.get_points("xyb")], format="xyb"
        )

    _edit(folder, change)


def slot_by_centres(folder: Path) -> None:
    """50 between the centres instead of over all."""

    def change(doc: Any, msp: Any) -> None:
        points = [(209, 55, 1), (221, 55, 0), (221, 105, 1), (209, 105, 0)]
        _contour(msp, 1).set_points(points, format="xyb")

    _edit(folder, change)


def bore_at_finished_size(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        _circles(msp, 30.5)[0].dxf.radius = 31

    _edit(folder, change)


def finish_circle_on_cut(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        msp.query('CIRCLE[layer=="FINISH"]')[0].dxf.layer = "CUT"

    _edit(folder, change)


def first_hole_at_zero(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        for hole in _circles(msp, 4.5):
            hole.translate(-130, -80, 0).rotate_z(0.5235987755982988).translate(130, 80, 0)

    _edit(folder, change)


def hole_moved(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        _circles(msp, 5.5)[-1].translate(-2, 0, 0)

    _edit(folder, change)


def hole_drawn_twice(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        msp.add_entity(_circles(msp, 5.5)[0].copy())

    _edit(folder, change)


def contour_in_pieces(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        _contour(msp, 0).explode()

    _edit(folder, change)


def dimensions_on_cut(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        for entity in msp.query("DIMENSION"):
            entity.dxf.layer = "CUT"

    _edit(folder, change)


def layer_missing(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        for entity in msp.query('*[layer=="CENTER"]'):
            entity.dxf.layer = "0"
        doc.layers.remove("CENTER")

    _edit(folder, change)


def inches(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        doc.header["$INSUNITS"] = 1

    _edit(folder, change)


def datum_in_the_middle(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        for entity in msp:
            entity.translate(-120, -80, 0)

    _edit(folder, change)


def width_not_dimensioned(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        for entity in msp.query("DIMENSION"):
            if abs(entity.get_measurement() - 240) < 0.01:
                msp.delete_entity(entity)

    _edit(folder, change)


def typed_over(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        for entity in msp.query("DIMENSION"):
            if abs(entity.get_measurement() - 240) < 0.01:
                entity.dxf.text = "238"

    _edit(folder, change)


def pitch_circle_not_named(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        for entity in msp.query("DIMENSION"):
            if "PCD" in entity.dxf.text:
                msp.delete_entity(entity)

    _edit(folder, change)


def chamfer_not_called_out(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        for entity in msp.query('TEXT[layer=="DIM"]'):
            if "45" in entity.dxf.text:
                msp.delete_entity(entity)

    _edit(folder, change)


def mass_of_the_rectangle(folder: Path) -> None:
    def change(doc: Any, msp: Any) -> None:
        for entity in msp.query("TEXT"):
            entity.dxf.text = entity.dxf.text.replace("2.07", "2.41")

    _edit(folder, change)


def plot_on_a4(folder: Path) -> None:
    canvas = importlib.import_module("reportlab.pdfgen.canvas")
    page = canvas.Canvas(str(spoil.one(folder, "*.pdf")), pagesize=(842, 595))
    page.rect(50, 50, 400, 300, fill=1)
    page.save()


SPOILED: spoil.Spoiled = {
    "chamfer_not_called_out": (chamfer_not_called_out, "callouts"),
    "chamfer_left_out": (chamfer_left_out, "outline"),
    "sharp_corners": (sharp_corners, "outline"),
    "slot_by_centres": (slot_by_centres, "slot"),
    "bore_at_finished_size": (bore_at_finished_size, "bore-cut"),
    "finish_circle_on_cut": (finish_circle_on_cut, "nothing-else"),
    "first_hole_at_zero": (first_hole_at_zero, "pitch-holes"),
    "hole_moved": (hole_moved, "corner-holes"),
    "hole_drawn_twice": (hole_drawn_twice, "nothing-else"),
    "contour_in_pieces": (contour_in_pieces, "outline"),
    "dimensions_on_cut": (dimensions_on_cut, "nothing-else"),
    "layer_missing": (layer_missing, "layers"),
    "inches": (inches, "datum"),
    "datum_in_the_middle": (datum_in_the_middle, "datum"),
    "width_not_dimensioned": (width_not_dimensioned, "measured"),
    "typed_over": (typed_over, "typed-over-or-238"),
    "pitch_circle_not_named": (pitch_circle_not_named, "callouts"),
    "mass_of_the_rectangle": (mass_of_the_rectangle, "figures"),
    "plot_on_a4": (plot_on_a4, "plot"),
}
