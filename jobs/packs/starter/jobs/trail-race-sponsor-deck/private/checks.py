"""Checks of the partner deck. Survey figures and packages are worked out again from the inputs."""

import csv
import re
import statistics
from collections import Counter

FILE = "fellgate_partner_deck_2027.pptx"
NAMES = ["waypoint", "ridge", "summit"]


def _deck(ctx):
    deck = ctx.slides(FILE)
    shown = [s for s in deck.slides if s._element.get("show") != "0"]
    if not shown:
        raise ValueError("the deck has no slides")
    return deck, shown


def _shapes(shapes):
    """All shapes, those in groups too."""
    for shape in shapes:
        yield shape
        if hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes)


def _plain(text):
    return (text or "").replace("\u00a0", " ").replace("\u2009", " ").replace("\u202f", " ").replace("–", "-").replace("—", "-").replace("×", "x").replace("\v", " ")


def _tables(slide):
    """Each table as rows of texts."""
    return [[[_plain(c.text).strip() for c in row.cells] for row in shape.table.rows] for shape in _shapes(slide.shapes) if getattr(shape, "has_table", False) and shape.has_table]


def _text(slide):
    parts = [_plain(s.text_frame.text) for s in _shapes(slide.shapes) if s.has_text_frame]
    parts += [" | ".join(row) for table in _tables(slide) for row in table]
    for shape in _shapes(slide.shapes):
        if getattr(shape, "has_chart", False) and shape.has_chart and shape.chart.has_title and shape.chart.chart_title.has_text_frame:
            parts.append(_plain(shape.chart.chart_title.text_frame.text))
    return "\n".join(parts)


def _notes(slide):
    return _plain(slide.notes_slide.notes_text_frame.text) if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None else ""


def _survey(ctx):
    """2026 edition, first answer of each runner: figures as they are to be shown."""
    seen, rows = set(), []
    with open(ctx.inputs / "runner_survey.csv", newline="") as handle:
        for row in csv.DictReader(handle):
            if row["edition"] == "2026" and row["runner_id"] not in seen:
                seen.add(row["runner_id"])
                rows.append(row)
    n = len(rows)
    share = lambda test: round(100 * sum(map(test, rows)) / n)
    return {"n": n, "away": share(lambda r: r["home_region"] != "Cumbria"), "remember": share(lambda r: r["remembers_a_sponsor"] == "yes"),
            "nights": f"{sum(int(r['nights_stayed']) for r in rows) / n:.1f}", "spend": round(statistics.median(int(r["spend_gbp"]) for r in rows)),
            "regions": Counter(r["home_region"] for r in rows)}


def _verdict(ctx, wrong, good, anchor=None):
    return ctx.failed("; ".join(wrong[:5]), file=FILE, anchor=anchor) if wrong else ctx.passed(good, file=FILE, anchor=anchor)


def _lines(ctx):
    """For each package the texts that stand in its row, or in its column, of the tables that name all three packages and hold an amount of money."""
    _, slides = _deck(ctx)
    out = []
    for slide in slides:
        for table in _tables(slide):
            columns = [list(c) for c in zip(*table)]
            for grid in (table, columns):
                lines = {}
                for line in grid:
                    for name in NAMES:
                        if line and re.match(rf"\W*{name}\b", line[0], re.I):
                            lines[name] = line[1:] + [line[0]]
                if len(lines) == 3 and "£" in str(table) + _text(slide):
                    heads = grid[0] if not re.match("|".join(NAMES), grid[0][0], re.I) else []
                    out.append((lines, heads))
    return out


def _amounts(line):
    return [float(m.replace(",", "")) for cell in line for m in re.findall(r"\d[\d,]*(?:\.\d+)?", cell)]


def _in_packages(ctx, wanted, what):
    found = _lines(ctx)
    if not found:
        return [f"no table with a line for each of Waypoint, Ridge and Summit"]
    best = None
    for lines, _ in found:
        wrong = [f"{name}: no {what} {value:g}" for name, value in zip(NAMES, wanted) if value not in _amounts(lines[name])]
        best = wrong if best is None or len(wrong) < len(best) else best
    return best


def prices(ctx):
    return _verdict(ctx, _in_packages(ctx, (1200, 3500, 8000), "price"), "all three net prices")


def early_bird(ctx):
    wrong = _in_packages(ctx, (1080, 3150, 7200), "early-bird price")
    _, slides = _deck(ctx)
    text = "\n".join(_text(s) for s in slides)
    if not re.search(r"29(th)? January,? 2027|January 29(th)?,? 2027|29[./]0?1[./]2027|29 Jan\.? 2027", text):
        wrong.append("29 January 2027 is not shown")
    if not re.search(r"(without|excl\w*\.?|plus|before|net of|\+|no|not include|ex\.?|exc\.?) ?(20% )?VAT|VAT (is |not |will be )?(added|excluded|included|extra|not)|\bnet\b", text, re.I):
        wrong.append("nothing says that prices are without VAT")
    return _verdict(ctx, wrong, "early-bird prices, date and VAT")


def places_left(ctx):
    """In the column of places (or, where there is none, anywhere in the package's line)."""
    found = _lines(ctx)
    problem = ["no package table"]
    for lines, heads in found:
        at = [i - 1 for i, h in enumerate(heads) if re.search(r"left|avail|place|remain|slot", h, re.I)]
        pick = lambda line: _amounts([line[i] for i in at if i < len(line)] if at else [c for c in line if not re.search("£", c)])
        wrong = [f"{n}: {pick(lines[n])[:3]}, not {v}" for n, v in zip(NAMES, (7, 3, 1)) if not pick(lines[n])[:1] == [v] and v not in pick(lines[n])[:2]]
        problem = wrong if not problem or len(wrong) < len(problem) or problem == ["no package table"] else problem
    return _verdict(ctx, problem, "7, 3 and 1")


def survey_figures(ctx):
    s = _survey(ctx)
    _, slides = _deck(ctx)
    text = "\n".join(_text(x) for x in slides)
    wanted = {f"{s['away']}% from outside Cumbria": rf"\b{s['away']} ?(%|per ?cent|percent)|\b{s['n'] - s['regions']['Cumbria']} of (the )?{s['n']}\b", f"{s['nights']} nights": rf"\b{re.escape(s['nights'])}\b", f"£{s['spend']}": rf"£ ?{s['spend']}\b(?![.,]\d)",
              f"{s['remember']}% remember a sponsor": rf"\b{s['remember']} ?(%|per ?cent|percent)"}
    wrong = [f"not there: {k}" for k, p in wanted.items() if not re.search(p, text, re.I)]
    both = text + "\n".join(_notes(x) for x in slides)
    wrong += [f"contradicts the survey: {m[0]!r}" for m in [re.search(r"(four in five|4 in 5|four out of five|80 ?%)[^.\n]{0,60}(travel|outside|come|visit|away)", both, re.I)] if m]
    return _verdict(ctx, wrong, ", ".join(wanted))


def base_stated(ctx):
    s = _survey(ctx)
    _, slides = _deck(ctx)
    figure = rf"\b({s['away']}|{s['remember']}) ?(%|per ?cent)|£ ?{s['spend']}\b|\b{re.escape(s['nights'])} nights"
    with_figure = [i for i, x in enumerate(slides, 1) if re.search(figure, _text(x), re.I)]
    wrong = [f"slide {i} does not say {s['n']}" for i in with_figure if not re.search(rf"\b{s['n']}\b", _text(slides[i - 1]))]
    if not with_figure:
        wrong = ["no slide shows a survey figure"]
    return _verdict(ctx, wrong, f"slides {with_figure} state the base")


def event_facts(ctx):
    _, slides = _deck(ctx)
    text = "\n".join(_text(x) for x in slides)
    wanted = {"12 and 13 June 2027": r"\b12(th)?\b[\s\S]{0,25}?\b13(th)?\s+June,?\s+2027|June\s+12(th)?\b[\s\S]{0,20}?\b13(th)?,?\s+2027", "12k": r"\b12 ?k", "26k": r"\b26 ?k", "52k": r"\b52 ?k", "1,450 runners": r"\b1[,. ]?450\b", "1,187 finishers": r"\b1[,. ]?187\b"}
    return _verdict(ctx, [f"not there: {k}" for k, p in wanted.items() if not re.search(p, text, re.I)], "all facts")


def left_out(ctx):
    _, slides = _deck(ctx)
    text = "\n".join(_text(x) + "\n" + _notes(x) for x in slides)
    if not re.search("|".join(NAMES), text, re.I):
        return ctx.failed("the deck names no package at all", file=FILE)
    found = re.findall(r"brackwater|\bbronze\b|\bsilver\b|\bgold\b|£ ?950\b|£ ?2,?800\b|£ ?6,?500\b", text, re.I)
    return _verdict(ctx, [f"found {sorted(set(found))}"] if found else [], "none of them")


def benefits(ctx):
    """Row by row against the sheet; ticks may be any mark, gaps may be a dash or a cross."""
    want = [[c.value for c in row[:4]] for row in ctx.workbook(ctx.inputs / "partner_packages.xlsx")["Benefits"].iter_rows(min_row=2) if row[0].value]
    words = lambda t: {w.rstrip("s") for w in re.findall(r"[a-z]{3,}", str(t).lower())} - {"the", "and", "for", "one", "free", "your"}
    no = {"", "-", "no", "✗", "✘", "✕", "❌", "none", "n/a", "0", "not included", "·", "."}
    _, slides = _deck(ctx)
    best = None
    for slide in slides:
        for table in _tables(slide):
            for grid in (table, [list(c) for c in zip(*table)]):
                at = {n: i for n in NAMES for i, h in enumerate(grid[0]) if re.search(rf"\b{n}\b", h, re.I)}
                if len(at) < 3:
                    continue
                ticked = any(re.search("✓|✔|●|■|yes|incl", c, re.I) for row in grid[1:] for c in row[1:])
                gaps = no | {"x"} if ticked else no
                wrong = []
                for label, *values in want:
                    scored = sorted(((len(words(label) & words(row[0])), -k) for k, row in enumerate(grid[1:])), reverse=True)
                    row = grid[1 - scored[0][1]] if scored and scored[0][0] else None
                    for name, value in zip(NAMES, values):
                        cell = row[at[name]].lower().strip() if row else ""
                        if row is None:
                            ok = False
                        elif value is None:
                            ok = cell in gaps
                        elif value == "x":
                            ok = cell not in gaps
                        else:
                            ok = re.sub(r"[^\dx]", "", str(value)) == re.sub(r"[^\dx]", "", re.sub(r"[a-wyz]", "", cell))
                        if not ok:
                            wrong.append(f"{label} / {name}: {cell!r}")
                best = wrong if best is None or len(wrong) < len(best) else best
    return _verdict(ctx, ["no table with a column for each package"] if best is None else best, "all 24 cells agree")


def _region(text):
    """A category of a chart by one name."""
    for name, pattern in (("elsewhere", "elsewhere|other|rest"), ("greatermanchester", "manchester"), ("northeast", "north.?east")):
        if re.search(pattern, str(text), re.I):
            return name
    return re.sub("[^a-z]", "", str(text).lower())


def chart(ctx):
    """A native chart holds the regions with counts, shares in per cent or fractions; small ones may be put together as "other"."""
    s = _survey(ctx)
    _, slides = _deck(ctx)
    problem = "there is no chart"
    for slide in slides:
        for shape in _shapes(slide.shapes):
            if not (getattr(shape, "has_chart", False) and shape.has_chart):
                continue
            plot = shape.chart.plots[0]
            values = dict(zip([_region(c) for c in plot.categories], plot.series[0].values if len(plot.series) else []))
            want = {_region(k): v for k, v in s["regions"].items()}
            missing = [k for k in want if values.get(k) is None]
            if len(missing) <= 3 and not {"elsewhere", "cumbria"} & set(missing):
                want["elsewhere"] += sum(want.pop(k) for k in missing)
            elif missing:
                problem = f"the chart has no value for {missing}"
                continue
            slack = 1.2 + len(missing)
            if any(all(abs(values[k] * f - v) <= tol for k, v in want.items()) for f, tol in ((1, 0.01), (s["n"] / 100, slack), (s["n"], slack))):
                return ctx.passed(f"{len(values)} regions", file=FILE)
            problem = f"values {values}"
    return ctx.failed(problem, file=FILE)


def logo(ctx):
    """A picture with the logo's proportions, or its very bytes, on each slide or in its layout or master."""
    import hashlib

    digest = hashlib.sha1((ctx.inputs / "fellgate_logo.png").read_bytes()).hexdigest()
    def is_logo(shape):
        try:
            image = shape.image
        except (AttributeError, ValueError, KeyError):
            return False
        if not shape.height or abs(shape.width / shape.height / 3 - 1) > 0.06:
            return False
        return image.sha1 == digest or abs(image.size[0] / image.size[1] / 3 - 1) < 0.25
    _, slides = _deck(ctx)
    wrong = [f"slide {i} has no undistorted logo" for i, s in enumerate(slides, 1)
             if not any(is_logo(x) for x in [*_shapes(s.shapes), *s.slide_layout.shapes, *s.slide_layout.slide_master.shapes])]
    return _verdict(ctx, wrong, f"on all {len(slides)} slides")


def notes(ctx):
    _, slides = _deck(ctx)
    wrong = [f"slide {i}: {_notes(s)[:40]!r}" for i, s in enumerate(slides, 1) if len(re.findall(r"[.!?](\s|$)", _notes(s))) < 2 or len(_notes(s).split()) < 10]
    return _verdict(ctx, wrong, f"notes on all {len(slides)} slides")


def slide_format(ctx):
    """16:9; nothing but pictures and decoration beyond the edges; no empty placeholder."""
    deck, slides = _deck(ctx)
    w, h = deck.slide_width, deck.slide_height
    wrong = [] if abs(w / h - 16 / 9) < 0.02 else [f"{w / h:.2f}:1"]
    for i, slide in enumerate(slides, 1):
        for shape in slide.shapes:
            holds = (shape.has_text_frame and shape.text_frame.text.strip()) or getattr(shape, "has_table", False) or getattr(shape, "has_chart", False)
            if holds and None not in (shape.left, shape.top, shape.width, shape.height):
                slack = 0.01 * w
                if shape.left < -slack or shape.top < -slack or shape.left + shape.width > w + slack or shape.top + shape.height > h + slack:
                    wrong.append(f"slide {i}: {shape.name} reaches beyond the edge")
            if shape.is_placeholder and shape.has_text_frame and not shape.text_frame.text.strip() and shape.placeholder_format.type not in (13, 15, 16):
                wrong.append(f"slide {i}: empty placeholder {shape.name}")
    return _verdict(ctx, wrong, "16:9, all inside")


def contact(ctx):
    """Name, address and number stand together on one slide."""
    _, slides = _deck(ctx)
    wanted = {"Tess Arkwright": r"Tess\s+Arkwright", "address": r"partners@fellgatetrail\.example\.com", "number": r"(01632|\+44 ?\(?0?\)? ?1632)[ -]?960[ -]?187"}
    lacks = [[k for k, p in wanted.items() if not re.search(p, _text(slide))] for slide in slides]
    wrong = min(lacks, key=len)
    return _verdict(ctx, [f"no slide gives {wrong}"] if wrong else [], "all there")


def illustration(ctx):
    """The course illustration, cropped or not, stands on a slide."""
    import hashlib

    digest = hashlib.sha1((ctx.inputs / "course_illustration.jpg").read_bytes()).hexdigest()
    _, slides = _deck(ctx)
    images = []
    for number, slide in enumerate(slides, 1):
        for shape in _shapes(slide.shapes):
            try:
                images.append((number, shape.image))
            except (AttributeError, ValueError, KeyError):
                continue
    there = [n for n, image in images if image.sha1 == digest or (image.size[0] >= 600 and abs(image.size[0] / image.size[1] - 16 / 9) < 0.05)]
    return _verdict(ctx, [] if there else ["no slide shows the course illustration"], f"on slides {there}")
