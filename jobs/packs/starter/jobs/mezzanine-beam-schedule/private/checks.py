"""Checks of the mezzanine beams: all values are worked out again from the design basis and the stock list."""

import csv
import re

FILE = "beam_schedule.xlsx"
ZONES = {"storage": (0.62, 4.8), "packing": (0.62, 2.5 + 0.8), "plant": (0.62 + 0.60, 7.5)}
GUARD = 0.55
#: mark -> quantity, span (m), floor widths (m) by zone, on the outside
SECONDARIES = {
    "S1": (5, 5.2, {"storage": 2.0}, False), "S2": (2, 4.6, {"packing": 2.0}, False), "S3": (2, 4.6, {"plant": 2.0}, False),
    "S4": (2, 5.2, {"storage": 1.0}, True), "S5": (1, 4.6, {"packing": 1.0, "plant": 1.0}, False), "S6": (1, 4.6, {"packing": 1.0}, True),
    "S7": (1, 4.6, {"plant": 1.0}, True),
}
#: mark -> quantity, secondaries at each third point, on the outside
PRIMARIES = {"P1": (2, ("S1",), True), "P2": (1, ("S1", "S2"), False), "P3": (1, ("S1", "S3"), False), "P4": (1, ("S2",), True), "P5": (1, ("S3",), True)}


def stock(ctx):
    """{section: properties} of the stock list; key as `256x146x37`."""
    with (ctx.inputs / "stock_list_Oct2025.csv").open(encoding="utf-8", newline="") as handle:
        return {code(row["Section"]): {"mass": float(row["Mass kg/m"]), "h": float(row["h mm"]), "tw": float(row["tw mm"]), "I": float(row["Iy cm4"]),
                                       "W": float(row["Wpl,y cm3"]), "price": float(row["Price EUR/m"]), "stock": row["Availability"] == "stock"}
                for row in csv.DictReader(handle)}


def code(text):
    """`UKB 254 × 146 × 31` as `254x146x31`; empty where there is no section name."""
    found = re.search(r"(\d{3})\s*[x×X*]\s*(\d{2,3})\s*[x×X*]\s*(\d{2,3})", str(text or ""))
    return "x".join(found.groups()) if found else ""


def actions(storage=4.8):
    """{mark: g, q (kN/m), G, Q (kN at each third point), span, quantity}, for an imposed load of the storage zone."""
    out = {}
    zones = {**ZONES, "storage": (0.62, storage)}
    for mark, (count, span, widths, outside) in SECONDARIES.items():
        g = sum(width * zones[zone][0] for zone, width in widths.items()) + 0.30 + GUARD * outside
        out[mark] = {"n": count, "L": span, "g": g, "q": sum(width * zones[zone][1] for zone, width in widths.items()), "G": 0.0, "Q": 0.0}
    for mark, (count, carried, outside) in PRIMARIES.items():
        out[mark] = {"n": count, "L": 6.0, "g": 0.60 + GUARD * outside, "q": 0.0, "G": sum(out[s]["g"] * out[s]["L"] / 2 for s in carried),
                     "Q": sum(out[s]["q"] * out[s]["L"] / 2 for s in carried)}
    for one in out.values():
        w, f, span = 1.35 * one["g"] + 1.5 * one["q"], 1.35 * one["G"] + 1.5 * one["Q"], one["L"]
        one |= {"w": w, "F": f, "M": w * span**2 / 8 + f * span / 3, "V": w * span / 2 + f}
    return out


def results(one, section):
    """(imposed deflection, total deflection in mm, highest utilisation) of a beam in a section."""
    span, stiff = one["L"], 210e6 * section["I"] * 1e-8
    def sag(w, f):
        return (5 * w * span**4 / 384 + 23 * f * span**3 / 648) / stiff * 1000
    imposed, total = sag(one["q"], one["Q"]), sag(one["g"] + one["q"], one["G"] + one["Q"])
    ratios = (one["M"] / (section["W"] * 0.275), one["V"] / (section["h"] * section["tw"] * 0.275 / 3**0.5), imposed / (span * 1000 / 360), total / (span * 1000 / 250))
    return imposed, total, max(ratios)


def lightest(ctx, mark):
    """The section that the design basis leads to."""
    limit = 255 if mark.startswith("S") else 360
    one = actions()[mark]
    fit = [(s["mass"], name) for name, s in stock(ctx).items() if s["stock"] and s["h"] <= limit and results(one, s)[2] <= 1]
    return min(fit)[1]


def schedule(ctx):
    """{mark: {column: value}} of the sheet Schedule; columns are found by what their header says."""
    book = ctx.workbook(FILE)
    names = [name for name in book.sheetnames if "schedule" in name.lower()]
    if not names:
        raise KeyError(f"no sheet Schedule; there are {book.sheetnames}")
    grid = [list(row) for row in book[names[0]].iter_rows(values_only=True)]
    wanted = {"qty": r"^(qty|quantity|no\.?$|number|count)", "span": r"^(span|length)", "section": r"section|profile", "M": r"^m[\W_]*e?d|moment.*ed|design moment|^m\b(?!.*rd)",
              "V": r"^v[\W_]*e?d|shear.*ed|design shear", "imposed": r"(imposed|live|variable).*(defl|δ)|(defl|δ).*(imposed|live)", "total": r"total.*(defl|δ)|(defl|δ).*total",
              "util": r"^(max\w*\W+)?util\w*\W*(\(?(max|highest|governing).*|%|ratio|\[?-?\]?)?$|^(max|highest|governing)\w* util", "weight": r"^(total )?weight|^mass \(kg\)|^total mass", "cost": r"^(total )?(cost|price)\b(?!.*/m)"}
    for number, row in enumerate(grid[:20]):
        heads = [re.sub(r"\s+", " ", str(value)).strip().lower() if value is not None else "" for value in row]
        if not any(re.match(r"mark|beam|ref", head) for head in heads) or not any(re.search(wanted["section"], head) for head in heads):
            continue
        first = next(i for i, head in enumerate(heads) if re.match(r"mark|beam|ref", head))
        columns = {}
        for name, pattern in wanted.items():
            for i, head in enumerate(heads):
                if i not in columns.values() and re.search(pattern, head) and not (name in ("imposed", "total") and re.search("util|limit|/", head)):
                    columns[name] = i
                    break
        rows = {}
        for cells in grid[number + 1:]:
            mark = re.sub(r"\W", "", str(cells[first] or "")).upper()
            if re.fullmatch(r"[SP]\d", mark) and mark not in rows:
                rows[mark] = {name: cells[i] for name, i in columns.items()}
        return rows, grid[number + 1:], columns
    raise KeyError("sheet Schedule has no header row with Mark and Section")


def told(ctx, wrong, good):
    return ctx.failed("; ".join(wrong[:4]) + (f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""), file=FILE) if wrong else ctx.passed(good, file=FILE)


def compare(ctx, column, expected, within, floor=0.0):
    """Every mark's value in a column against what is expected of it."""
    rows, _, columns = schedule(ctx)
    if column not in columns:
        return ctx.failed(f"sheet Schedule has no column for {column}", file=FILE)
    wrong = []
    for mark, want in expected.items():
        have = ctx.number(rows.get(mark, {}).get(column))
        if have is None or abs(have - want) > max(abs(want) * within, floor):
            wrong.append(f"{mark}: {have if have is None else round(have, 2)}, wanted {want:.2f}")
    return told(ctx, wrong, f"all {len(expected)} marks agree")


def _sections(ctx, kind):
    rows = schedule(ctx)[0]
    wrong = []
    for mark in actions():
        if mark.startswith(kind):
            want, have = lightest(ctx, mark), code(rows.get(mark, {}).get("section"))
            if have != want:
                wrong.append(f"{mark}: {have or 'none'}, wanted {want}")
    return told(ctx, wrong, "all agree")


def sections_secondary(ctx):
    """Lightest allowed section of S1 to S7."""
    return _sections(ctx, "S")


def sections_primary(ctx):
    """Lightest allowed section of P1 to P5."""
    return _sections(ctx, "P")


def moments(ctx):
    """Design moments."""
    return compare(ctx, "M", {mark: one["M"] for mark, one in actions().items()}, 0.006, 0.06)


def shears(ctx):
    """Design shear forces."""
    return compare(ctx, "V", {mark: one["V"] for mark, one in actions().items()}, 0.006, 0.06)


def _own(ctx):
    """{mark: (action, properties of the section that the schedule names)}; a section that is not listed is an error."""
    rows, listed = schedule(ctx)[0], stock(ctx)
    return {mark: (one, listed[code(rows[mark]["section"])]) for mark, one in actions().items()}


def deflection_imposed(ctx):
    """Deflection under imposed load of the section that was chosen."""
    return compare(ctx, "imposed", {mark: results(*pair)[0] for mark, pair in _own(ctx).items()}, 0.01, 0.06)


def deflection_total(ctx):
    """Deflection under all loads of the section that was chosen."""
    return compare(ctx, "total", {mark: results(*pair)[1] for mark, pair in _own(ctx).items()}, 0.01, 0.06)


def utilisation(ctx):
    """Highest of the four ratios (as a ratio or in per cent)."""
    rows, _, columns = schedule(ctx)
    if "util" not in columns:
        return ctx.failed("sheet Schedule has no column Utilisation", file=FILE)
    wrong = []
    for mark, pair in _own(ctx).items():
        want, have = results(*pair)[2], ctx.number(rows[mark]["util"])
        if have is None or min(abs(have - want), abs(have / 100 - want)) > 0.011:
            wrong.append(f"{mark}: {have}, wanted {want:.2f}")
    return told(ctx, wrong, "all 12 agree")


def quantities(ctx):
    """Number of beams and spans as on the plan."""
    rows = schedule(ctx)[0]
    wrong = []
    for mark, one in actions().items():
        count, span = (ctx.number(rows.get(mark, {}).get(name)) for name in ("qty", "span"))
        if count != one["n"] or span is None or min(abs(span - one["L"]), abs(span / 1000 - one["L"])) > 0.001:
            wrong.append(f"{mark}: {count} of {span} m, wanted {one['n']} of {one['L']} m")
    return told(ctx, wrong, "20 beams in 12 marks")


def totals(ctx):
    """Weight and cost of all beams."""
    _, rest, columns = schedule(ctx)
    chosen = {mark: section for mark, (_, section) in _own(ctx).items()}
    wrong = []
    for column, key in (("weight", "mass"), ("cost", "price")):
        want = sum(one["n"] * one["L"] * chosen[mark][key] for mark, one in actions().items())
        below = [cells for cells in rest if not any(re.fullmatch(r"[SP]\d", re.sub(r"\W", "", str(c)).upper()) for c in cells if c is not None)]
        have = [value for cells in below for c in cells if c is not None and (value := ctx.number(c)) is not None]
        if not any(value is not None and abs(value - want) <= max(0.001 * want, 0.5) for value in have):
            wrong.append(f"{column}: {have}, wanted {want:.2f}")
    return told(ctx, wrong, "weight and cost agree")


def live(ctx):
    """The results in Schedule are formulas, and no cell of the workbook shows an error."""
    _, _, columns = schedule(ctx)
    formulas, values = ctx.formulas(FILE), ctx.workbook(FILE)
    sheet = next(s for s in formulas.worksheets if "schedule" in s.title.lower())
    wrong, seen = [], set()
    for row in sheet.iter_rows():
        mark = next((m for c in row if re.fullmatch(r"[SP]\d", m := re.sub(r"\W", "", str(c.value)).upper())), "")
        if mark and mark not in seen:
            seen.add(mark)
            for name in ("M", "V", "imposed", "total", "util", "weight", "cost"):
                if name not in columns or not str(row[columns[name]].value).startswith("="):
                    wrong.append(f"{mark}: {name} is no formula")
    errors = [f"{s.title}!{c.coordinate} shows {c.value}" for s in values.worksheets for row in s.iter_rows() for c in row if isinstance(c.value, str) and re.fullmatch(r"#(REF|N/A|VALUE|DIV/0|NAME|NUM|NULL)[!?]?.*", c.value)]
    return told(ctx, wrong[:12] + errors, "results are formulas without errors")


def follows(ctx):
    """4.8 kN/m2 becomes 6.0 in a copy that is worked out again: the moments of the beams below follow, the others stay."""
    import tempfile
    from pathlib import Path

    import formualizer
    import openpyxl

    columns = schedule(ctx)[2]
    book = openpyxl.load_workbook(ctx.one(FILE))
    changed = 0
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, (int, float)) and abs(cell.value - 4.8) < 1e-9:
                    cell.value = 6.0
                    changed += 1
    if not changed:
        return ctx.failed("no cell holds the imposed load of 4.8", file=FILE)
    path = str(Path(tempfile.mkdtemp()) / "changed.xlsx")
    book.save(path)
    formualizer.recalculate_file(path)
    sheet = next(s for s in openpyxl.load_workbook(path, data_only=True).worksheets if "schedule" in s.title.lower())
    have = {}
    for row in sheet.iter_rows(values_only=True):
        mark = next((m for c in row if re.fullmatch(r"[SP]\d", m := re.sub(r"\W", "", str(c)).upper())), "")
        if mark and mark not in have:
            have[mark] = ctx.number(row[columns["M"]])
    wrong = [f"{mark}: {have.get(mark)}, wanted {one['M']:.1f}" for mark, one in actions(6.0).items() if have.get(mark) is None or abs(have[mark] - one["M"]) > max(0.006 * one["M"], 0.06)]
    return told(ctx, wrong, f"{changed} cells changed, all 12 moments are right")


def swap(ctx):
    """S1 gets another section in a copy that is worked out again: deflection, weight and cost follow."""
    import tempfile
    from pathlib import Path

    import formualizer
    import openpyxl

    columns, other = schedule(ctx)[2], "254x146x37"
    book = openpyxl.load_workbook(ctx.one(FILE))
    sheet = next(s for s in book.worksheets if "schedule" in s.title.lower())
    row = next((cells[0].row for cells in sheet.iter_rows() if any(re.sub(r"\W", "", str(c.value)).upper() == "S1" for c in cells)), None)
    if row is None:
        return ctx.failed("sheet Schedule has no row S1", file=FILE)
    sheet.cell(row, columns["section"] + 1).value = "UKB " + other
    path = str(Path(tempfile.mkdtemp()) / "swapped.xlsx")
    book.save(path)
    formualizer.recalculate_file(path)
    sheet = next(s for s in openpyxl.load_workbook(path, data_only=True).worksheets if "schedule" in s.title.lower())
    one, section = actions()["S1"], stock(ctx)[other]
    imposed, _, _ = results(one, section)
    wanted = {"imposed": imposed, "weight": one["n"] * one["L"] * section["mass"], "cost": one["n"] * one["L"] * section["price"]}
    wrong = []
    for name, want in wanted.items():
        have = ctx.number(sheet.cell(row, columns[name] + 1).value) if name in columns else None
        if have is None or abs(have - want) > max(0.006 * want, 0.06):
            wrong.append(f"{name} is {have}, wanted {want:.1f}")
    return told(ctx, wrong, "deflection, weight and cost of S1 follow its section")


def loads_sheet(ctx):
    """Sheet Loads shows the loads of the primaries: point loads at each third point."""
    book = ctx.workbook(FILE)
    names = [name for name in book.sheetnames if "load" in name.lower()]
    if not names:
        return ctx.failed(f"no sheet Loads; there are {book.sheetnames}", file=FILE)
    wrong = []
    rows = [[c for c in row if c is not None] for name in names for row in book[name].iter_rows(values_only=True)]
    blocks, open_for = {}, []
    for row in rows:  # a mark's values stand in its row, or in the rows below it until the next mark
        named = [re.sub(r"\W", "", str(c)).upper() for c in row]
        open_for = [mark for mark in actions() if mark in named] or open_for
        for mark in open_for:
            blocks.setdefault(mark, []).append(row)
    for mark, one in actions().items():
        mine = [ctx.number(c) for row in blocks.get(mark, []) for c in row]
        wanted = (one["G"], one["Q"]) if mark.startswith("P") else (one["g"], one["q"])
        wrong += [f"{mark}: no {want:.2f}" for want in wanted if not any(v is not None and abs(v - want) < 0.011 for v in mine)]
    return told(ctx, wrong, "line loads of S and point loads of P are there")



def _shows(text, value, digits):
    """A number stands in a text, rounded to one of the numbers of decimals."""
    return any(re.search(rf"(?<![\d.]){re.escape(f'{value:.{d}f}')}(?!\d)", text) for d in digits)


def calc_worked(ctx):
    """Loads, moment, shear and deflections of S1 and P3 stand in the text, and their formulas' numbers."""
    text = ctx.text("calc_sheet.pdf").replace(",", "")
    wrong = []
    for mark in ("S1", "P3"):
        one = actions()[mark]
        imposed, total, _ = results(one, stock(ctx)[lightest(ctx, mark)])
        wanted = {"line load": one["w"], "moment": one["M"], "shear": one["V"], "imposed deflection": imposed, "total deflection": total}
        if mark == "P3":
            wanted |= {"point load": one["F"], "permanent reaction": one["G"], "imposed reaction": one["Q"]}
        wrong += [f"{mark}: no {name} {value:.2f}" for name, value in wanted.items() if not _shows(text, value, (1, 2, 3))]
    return ctx.failed("; ".join(wrong)) if wrong else ctx.passed("all values of S1 and P3 are there")


def calc_table(ctx):
    """Every mark with the section of the schedule and its moment."""
    rows = schedule(ctx)[0]
    chosen = {mark: code(rows.get(mark, {}).get("section")) or "no section" for mark in actions()}
    text = re.sub(r"\s*[×X]\s*(?=\d)", "x", ctx.text("calc_sheet.pdf")).replace(",", "")
    wrong = [f"{mark}: no {name}" for mark, one in actions().items() for name, there in
             (("mark", mark in text), ("section", re.search(r"\s*x\s*".join(chosen[mark].split("x")), text)), ("moment", _shows(text, one["M"], (0, 1, 2))))
             if not there]
    return ctx.failed("; ".join(wrong[:5])) if wrong else ctx.passed("12 marks with section and moment")


def not_allowed(ctx):
    """A section that is on mill order, not listed, or too deep."""
    rows, listed = schedule(ctx)[0], stock(ctx)
    if not rows:
        return ctx.failed("sheet Schedule lists no beam", file=FILE)
    wrong = []
    for mark, row in rows.items():
        section = listed.get(code(row.get("section")))
        limit = 255 if mark.startswith("S") else 360
        if section is None or not section["stock"] or section["h"] > limit:
            wrong.append(f"{mark}: {row.get('section')} is {'not listed' if section is None else 'on mill order' if not section['stock'] else f'{section_h(section)} mm deep'}")
    return told(ctx, wrong, "all in stock and within the depth limits")


def section_h(section):
    """Its depth, for the message."""
    return f"{section['h']:g}"
