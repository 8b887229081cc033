"""Checks of the plate GP-114: geometry is measured in the DXF, relative to the part's lower left corner."""

import math
import re

FILE = "*.dxf"
LAYERS = {"CUT": (7, "CONTINUOUS"), "FINISH": (6, "DASHED"), "CENTER": (1, "CENTER"), "DIM": (3, "CONTINUOUS"), "TEXT": (2, "CONTINUOUS"), "FRAME": (8, "CONTINUOUS")}
CORNER_HOLES = [(x, y) for x in (25, 205) for y in (25, 135)]
PITCH_HOLES = [(130 + 45 * math.cos(math.radians(a)), 80 + 45 * math.sin(math.radians(a))) for a in range(30, 390, 60)]
BORE = (130, 80)
NEAR = 0.05


def arc(x, y, radius, start, end):
    """Points of an arc, degrees."""
    return [(x + radius * math.cos(math.radians(start + (end - start) * i / 60)), y + radius * math.sin(math.radians(start + (end - start) * i / 60))) for i in range(61)]


OUTLINE = [(0, 0), (215, 0), (240, 25), *arc(225, 145, 15, 0, 90), *arc(15, 145, 15, 90, 180), (0, 92), *arc(23, 80, 12, 90, -90), (0, 68), (0, 0)]
SLOT = [*arc(215, 61, 6, 180, 360), *arc(215, 99, 6, 0, 180), (209, 61)]


def drawing(ctx):
    """The drawing; a file that is no DXF fails."""
    import ezdxf
    from ezdxf.lldxf.const import DXFError

    try:
        return ezdxf.readfile(ctx.one(FILE))
    except (DXFError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read as DXF: {error}") from None


def everywhere(doc):
    """Entities of model space and of the sheets: a frame, notes and dimensions may stand on either."""
    return [e for layout in doc.layouts for e in layout if e.dxftype() != "VIEWPORT"]


def on(doc, layer):
    """Entities of a layer in model space."""
    return [e for e in doc.modelspace() if e.dxf.layer.upper() == layer]


def points(entity):
    """A polyline, arc or line as points close to it."""
    from ezdxf import path

    return [(p.x, p.y) for p in path.make_path(entity).flattening(0.005)]


def closed(entity, line):
    """Does the polyline end where it began."""
    flag = getattr(entity, "closed", False) or getattr(entity, "is_closed", False)
    return bool(flag) or math.dist(line[0], line[-1]) < 0.001


def cut(doc):
    """(circles [(x, y, r)], closed polylines, descriptions of all else) on CUT, moved so that the part's lower left corner is 0,0."""
    circles, lines, other, loose = [], [], [], []
    for e in on(doc, "CUT"):
        kind = e.dxftype()
        if kind == "CIRCLE":
            circles.append((e.dxf.center.x, e.dxf.center.y, e.dxf.radius))
        elif kind in ("LWPOLYLINE", "POLYLINE") and len(line := points(e)) > 2 and closed(e, line):
            lines.append(line)
        else:
            other.append(f"an open {kind}" if "LINE" in kind or kind == "ARC" else kind)
            loose += points(e) if kind in ("LINE", "ARC", "LWPOLYLINE", "POLYLINE", "SPLINE") else []
    every = [p for line in lines for p in line] + loose or [(x - r, y - r) for x, y, r in circles]
    if not every:
        raise ValueError(f"layer CUT holds no contour; layers with entities are {sorted({e.dxf.layer for e in doc.modelspace()})}")
    x0, y0 = min(p[0] for p in every), min(p[1] for p in every)
    return [(x - x0, y - y0, r) for x, y, r in circles], [[(x - x0, y - y0) for x, y in line] for line in lines], other, (x0, y0)


def off(p, line):
    """Distance from a point to a closed line of points."""
    best = math.inf
    for (ax, ay), (bx, by) in zip(line, line[1:] + line[:1]):
        dx, dy = bx - ax, by - ay
        t = max(0.0, min(1.0, ((p[0] - ax) * dx + (p[1] - ay) * dy) / ((dx * dx + dy * dy) or 1.0)))
        best = min(best, math.dist(p, (ax + t * dx, ay + t * dy)))
    return best


def deviation(line, wanted):
    """The largest distance between two contours, both ways."""
    return max(max(off(p, wanted) for p in line), max(off(p, line) for p in wanted))


def extent(line):
    """Width and height."""
    return max(p[0] for p in line) - min(p[0] for p in line), max(p[1] for p in line) - min(p[1] for p in line)


def _contour(ctx, wanted, name):
    lines = cut(drawing(ctx))[1]
    if not lines:
        return ctx.failed("layer CUT holds no closed polyline", file=FILE)
    best = min((deviation(line, wanted), line) for line in lines)
    if best[0] <= NEAR:
        return ctx.passed(f"{name} agrees within {best[0]:.3f} mm", file=FILE)
    sizes = [f"{w:.2f} x {h:.2f}" for w, h in map(extent, lines)]
    return ctx.failed(f"no closed polyline on CUT agrees with the {name}: the nearest is off by {best[0]:.2f} mm; there are {', '.join(sizes[:5])}", file=FILE)


def outline(ctx):
    """Outer contour with chamfer, two radii and notch."""
    return _contour(ctx, OUTLINE, "outer contour")


def slot(ctx):
    """The closed slot."""
    return _contour(ctx, SLOT, "slot")


def _holes(ctx, wanted, radius):
    circles = cut(drawing(ctx))[0]
    wrong = [f"no circle of diameter {2 * radius:g} at {x:.2f}, {y:.2f}" for x, y in wanted
             if not any(math.dist((x, y), c[:2]) <= NEAR and abs(c[2] - radius) <= 0.01 for c in circles)]
    return ctx.failed("; ".join(wrong[:4]), file=FILE) if wrong else ctx.passed(f"{len(wanted)} circles are there", file=FILE)


def corner_holes(ctx):
    """4 of 11 mm."""
    return _holes(ctx, CORNER_HOLES, 5.5)


def pitch_holes(ctx):
    """6 of 9 mm on a circle of 90 mm."""
    return _holes(ctx, PITCH_HOLES, 4.5)


def bore_cut(ctx):
    """The bore 1 mm smaller on CUT."""
    return _holes(ctx, [BORE], 30.5)


def bore_finish(ctx):
    """The finished bore on FINISH."""
    doc = drawing(ctx)
    x0, y0 = cut(doc)[3]
    seen = [(e.dxf.center.x - x0, e.dxf.center.y - y0, e.dxf.radius) for e in on(doc, "FINISH") if e.dxftype() == "CIRCLE"]
    there = any(math.dist(BORE, c[:2]) <= NEAR and abs(c[2] - 31) <= 0.01 for c in seen)
    return ctx.passed("circle of 62 on FINISH", file=FILE) if there else ctx.failed(f"no circle of 62 at 130, 80 on FINISH: {seen[:3]}", file=FILE)


def nothing_else(ctx):
    """11 circles and 2 closed polylines, nothing open, nothing twice."""
    circles, lines, other, _ = cut(drawing(ctx))
    wrong = [f"{other.count(kind)} x {kind}" for kind in sorted(set(other))]
    wrong += [f"{len(circles)} circles, wanted 11"] * (len(circles) != 11) + [f"{len(lines)} closed polylines, wanted 2"] * (len(lines) != 2)
    wrong += [f"circle twice at {c[0]:.1f}, {c[1]:.1f}" for i, c in enumerate(circles) if any(math.dist(c[:2], d[:2]) < 0.1 for d in circles[:i])]
    return ctx.failed("on CUT: " + "; ".join(wrong[:5]), file=FILE) if wrong else ctx.passed("11 circles and 2 closed polylines", file=FILE)


def layers(ctx):
    """Six layers with colour and linetype."""
    doc = drawing(ctx)
    have = {layer.dxf.name.upper(): layer for layer in doc.layers}
    wrong = []
    for name, (colour, kind) in LAYERS.items():
        if name not in have:
            wrong.append(f"{name} is missing")
        elif abs(have[name].dxf.color) != colour or have[name].dxf.linetype.upper() != kind:
            wrong.append(f"{name}: colour {have[name].dxf.color}, {have[name].dxf.linetype}, wanted {colour}, {kind}")
        elif not any(e.dxf.layer.upper() == name for e in everywhere(doc)):
            wrong.append(f"{name} is empty")
    stray = sorted({e.dxf.layer for e in everywhere(doc)} - set(LAYERS), key=str)
    wrong += [f"entities on layer {name}" for name in stray if name.upper() not in LAYERS]
    return ctx.failed("; ".join(wrong[:5]), file=FILE) if wrong else ctx.passed("six layers as in DS-07", file=FILE)


def datum(ctx):
    """Lower left corner of the outer contour at 0,0; millimetres; R2010 or older."""
    doc = drawing(ctx)
    x0, y0 = cut(doc)[3]
    wrong = [] if math.hypot(x0, y0) <= 0.001 else [f"the part's lower left corner is at {x0:.3f}, {y0:.3f}"]
    wrong += [] if doc.header.get("$INSUNITS", 0) == 4 else [f"INSUNITS is {doc.header.get('$INSUNITS', 0)}"]
    wrong += [] if doc.dxfversion <= "AC1024" else [f"version {doc.dxfversion}"]
    return ctx.failed("; ".join(wrong), file=FILE) if wrong else ctx.passed(f"0,0, millimetres, {doc.dxfversion}", file=FILE)


def dimensions(doc):
    """[(kind, measured values, shown text)] of the dimension objects."""
    out = []
    for e in everywhere(doc):
        if e.dxftype() not in ("DIMENSION", "ARC_DIMENSION"):
            continue
        value = e.get_measurement()
        values = [abs(float(value))] if isinstance(value, (int, float)) else [abs(value.x), abs(value.y)]
        kind = e.dimtype & 7
        sign = {3: "Ø", 4: "R"}.get(kind, "")
        shown = f"{sign}{values[0]:g}" + ("°" if kind in (2, 5) else "")
        text = e.dxf.get("text", "") or "<>"
        out.append((kind, values, text, text.replace("<>", shown)))
    return out


def texts(doc):
    """All texts of the drawing in plain form, dimensions as they show."""
    out = [shown for *_, shown in dimensions(doc)]
    for e in everywhere(doc):
        kind = e.dxftype()
        if kind == "TEXT":
            out.append(e.plain_text())
        elif kind == "MTEXT":
            out.append(e.plain_text())
        elif kind in ("MULTILEADER", "MLEADER"):
            out.append(re.sub(r"\\P", " ", e.get_mtext_content()))
        elif kind == "INSERT":
            out += [a.dxf.text for a in e.attribs]
            out += [x.plain_text() for x in e.virtual_entities() if x.dxftype() in ("TEXT", "MTEXT")]
    out = [re.sub(r"%%c|⌀|∅|\\U\+2205|dia\.?\s*(?=\d)", "Ø", text, flags=re.I).replace("%%d", "°") for text in out]
    return [re.sub(r"\{?\\[A-Za-z][^;]*;|[{}]", "", text) for text in out]


def measured(ctx):
    """Dimension objects that measure the sketch's sizes and positions (chain or from the datum)."""
    doc = drawing(ctx)
    values = [v for kind, many, *_ in dimensions(doc) if kind in (0, 1, 6) for v in many]
    everything = " | ".join(texts(doc))
    need = {"length 240": (240,), "height 160": (160,), "hole spacing 180": (180, 205), "hole spacing 110": (110, 135), "hole position 25": (25,), "bore at 130": (130, 110),
            "bore at height 80": (80,), "notch width 24": (24,), "notch depth 35": (35, 23), "slot position 10": (10, 215)}
    if not re.search(r"12\s*[x×]\s*50", everything):
        need |= {"slot width 12": (12,), "slot length 50": (50, 38)}
    wrong = [name for name, any_of in need.items() if not any(abs(v - want) <= 0.01 for v in values for want in any_of)]
    return ctx.failed(f"no dimension object for {', '.join(wrong[:6])}", file=FILE) if wrong else ctx.passed(f"{len(values)} linear dimensions cover the sketch", file=FILE)


def hole_callouts(ctx):
    """Diameters, radii and the angle, as dimensions or leaders with text."""
    doc = drawing(ctx)
    lines = texts(doc)
    def many(count, size):
        hole = rf"Ø*\s*{size}(\.0+)?(?!\d)"
        return rf"\b{count}\s*([-x×*]|holes|off|no\.?)\s*{hole}|{hole}[^\d]{{0,4}}({count}\s*([x×]|holes|off|places|pl)|[x×]\s*{count}\b)"
    need = {"4x Ø11": many(4, 11), "6x Ø9": many(6, 9), "PCD 90": r"(PCD|P\.C\.D\.?|pitch circle|BC|PC)( diameter| dia\.?)?\W*Ø*\s*90|Ø*\s*90(\.0+)?\s*(mm\s*)?(PCD|P\.C\.D|P\.?C\b|B\.?C|pitch|bolt)", "Ø62 H7": r"Ø\s*62(\.0+)?\s*H7", "R15": r"R\s*15(?!\d)",
            "chamfer 45°": r"\b45(\.0+)?\s*(°|deg)|\bC\s?25\b|25\s*[x×]\s*25", "30° or 60°": r"\b[36]0(\.0+)?\s*(°|deg)"}
    wrong = [name for name, pattern in need.items() if not any(re.search(pattern, line, re.I) for line in lines)]
    if "PCD 90" in wrong and any(kind == 3 and abs(v[0] - 90) < 0.01 for kind, v, *_ in dimensions(doc)):
        wrong.remove("PCD 90")
    legs = sum(abs(v - 25) < 0.01 for kind, many, *_ in dimensions(doc) if kind in (0, 1) for v in many)
    if "chamfer 45°" in wrong and legs >= 4:  # its two legs are dimensioned; the holes take three of 25
        wrong.remove("chamfer 45°")
    return ctx.failed(f"not in the drawing: {', '.join(wrong)}", file=FILE) if wrong else ctx.passed("all call-outs are there", file=FILE)


def figures(ctx):
    """Mass as cut and cut length, worked out from the true geometry."""
    line = math.fsum(math.dist(a, b) for c in (OUTLINE, SLOT) for a, b in zip(c, c[1:] + c[:1])) + math.pi * (4 * 11 + 6 * 9 + 61)
    def area(c):
        return abs(math.fsum(a[0] * b[1] - b[0] * a[1] for a, b in zip(c, c[1:] + c[:1]))) / 2
    mass = (area(OUTLINE) - area(SLOT) - math.pi / 4 * (4 * 11**2 + 6 * 9**2 + 61**2)) * 8 * 7.85e-6
    everything = "\n".join(texts(drawing(ctx)))
    masses = [float(m.replace(",", ".")) for m in re.findall(r"MASS\W*(?:\w+\W+){0,4}?(\d+[.,]\d+)", everything, re.I)]
    lengths = [float(re.sub(r"^(\d{1,2})[ ,.](?=\d{3})", r"\1", m)) for m in re.findall(r"CUT(?:TING)?\s+LENGTH\W*(?:\w+\W+){0,5}?(\d{1,2}[ ,.]?\d{3}(?:\.\d+)?)(?!\d)", everything, re.I)]
    wrong = [] if any(abs(m - mass) <= 0.0051 for m in masses) else [f"net mass {masses}, wanted {mass:.2f}"]
    wrong += [] if any(abs(m - line) <= 1.01 for m in lengths) else [f"cut length {lengths}, wanted {line:.0f}"]
    return ctx.failed("; ".join(wrong), file=FILE) if wrong else ctx.passed(f"{mass:.2f} kg and {line:.0f} mm", file=FILE)


def title_block(ctx):
    """Notes and title block."""
    lines = texts(drawing(ctx))
    everything = "\n".join(lines)
    need = {"GP-114": r"GP-114", "title": r"gearbox\s+plate", "S355": r"S\s?355", "thickness 8": r"(t|thk|thick\w*)\W*8(\.0)?\b|\b8(\.0)?\s*mm\b|\b8(\.0)?\s*(thk|thick)", "quantity 12": r"(qty|quantity|off)\W*12\b|\b12\s*(x|off|pcs)", "scale": r"\b1\s*:\s*1\b", "A3": r"\bA3\b",
            "revision A": r"rev\w*\.?\W*A\b"}
    wrong = [name for name, pattern in need.items() if not re.search(pattern, everything, re.I)]
    if "revision A" in wrong and any(re.fullmatch(r"\W*A\W*", line.strip()) for line in lines) and re.search(r"\brev", everything, re.I):
        wrong.remove("revision A")
    return ctx.failed(f"not in the drawing: {', '.join(wrong)}", file=FILE) if wrong else ctx.passed("notes and title block are there", file=FILE)


def plot(ctx):
    """One page A3 landscape that is not blank."""
    import pypdfium2

    pdf = pypdfium2.PdfDocument(str(ctx.one("*.pdf")))
    width, height = (side / 72 * 25.4 for side in pdf[0].get_size())
    if len(pdf) != 1 or abs(width - 420) > 3 or abs(height - 297) > 3:
        return ctx.failed(f"{len(pdf)} pages, the first {width:.0f} x {height:.0f} mm")
    grey = pdf[0].render(scale=1.5).to_pil().convert("L")
    dark = sum(grey.histogram()[:215]) / (grey.width * grey.height)
    return ctx.passed(f"A3, {dark:.1%} of it drawn") if 0.002 <= dark <= 0.5 else ctx.failed(f"{dark:.2%} of the page is drawn")


def bad_dimension(ctx):
    """A dimension whose text hides the measured value, or 238 in a text, a dimension or as the part's length."""
    doc = drawing(ctx)
    found = dimensions(doc)
    if not found:
        return ctx.failed("the drawing has no dimension object", file=FILE)
    wrong = [f"typed-over: {text}" for _, _, text, _ in found if "<>" not in text and text.strip()]
    wrong += [f"text {line!r}" for line in texts(doc) if re.search(r"(?<!\d)238(?!\d)", line)]
    widest = max((extent(line)[0] for line in cut(doc)[1]), default=0.0)
    wrong += ["the part is 238 long"] * (abs(widest - 238) < 0.5)
    return ctx.failed("; ".join(wrong[:4]), file=FILE) if wrong else ctx.passed(f"{len(found)} dimensions show what they measure, no 238", file=FILE)
