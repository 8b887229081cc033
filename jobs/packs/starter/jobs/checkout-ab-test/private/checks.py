"""Checks of the A/B test: the export is cleaned again here, in the order of the tracking notes."""

import datetime as dt
import re

import pandas as pd


def clean(ctx):
    """(rows taken out by each step, cleaned visitors)."""
    data = pd.read_csv(ctx.inputs / "checkout_test_export.csv", dtype=str, keep_default_na=False)
    counts = [len(data)]
    data = data.drop_duplicates()
    counts.append(len(data))
    data = data[~(data["visitor_id"].str.startswith("QA-") | (data["staff"] == "1"))]
    counts.append(len(data))
    iso = data["first_seen"].str.match(r"\d{4}-")
    when = pd.concat([
        pd.to_datetime(data["first_seen"][iso], format="%Y-%m-%d %H:%M:%S"),
        pd.to_datetime(data["first_seen"][~iso], format="%m/%d/%Y %H:%M"),
    ])
    data = data.assign(when=when)
    data = data[(data["when"] >= "2025-06-02") & (data["when"] < "2025-06-23")]
    counts.append(len(data))
    data = data[data.groupby("visitor_id")["variant"].transform("nunique") == 1]
    counts.append(len(data))
    desktop = data["device"].str.strip().str.lower() == "desktop"
    value = pd.to_numeric(data["order_value"].str.replace("EUR", "").str.strip())
    data = data.assign(
        device=desktop.map({True: "desktop", False: "mobile"}),
        order=data["converted"].str.lower().isin(["1", "true", "yes"]),
        value=value.fillna(0.0),
    )
    return counts, data


def cells(ctx):
    """(device, variant) -> visitors, orders, revenue."""
    _, data = clean(ctx)
    table = data.groupby(["device", "variant"]).agg(visitors=("order", "size"), orders=("order", "sum"), revenue=("value", "sum"))
    return {key: tuple(float(value) for value in row) for key, row in zip(table.index, table.to_numpy(), strict=True)}


def tab(ctx, name):
    """Rows of a tab, found by its name."""
    book = ctx.workbook("ab_results.xlsx")
    for sheet in book.worksheets:
        if re.sub(r"[^a-z]", "", sheet.title.lower()) == re.sub(r"[^a-z]", "", name.lower()):
            return list(sheet.iter_rows(values_only=True))
    raise KeyError(f"no tab {name}; there are {book.sheetnames}")


def text_of(row):
    """The texts of a row, lower case."""
    return " ".join(str(value) for value in row if isinstance(value, str)).lower()


def numbers(ctx, row):
    """The numbers of a row."""
    return [n for n in (ctx.number(v) for v in row if not isinstance(v, dt.datetime | dt.date)) if n is not None]


def cleaning_steps(ctx):
    """Every count is in the tab, and those of the steps in the right order."""
    (start, *rest), _ = clean(ctx)
    removed = [a - b for a, b in zip([start, *rest], rest, strict=False)]
    rows = tab(ctx, "Cleaning")
    seen = [abs(n) for row in rows for n in numbers(ctx, row)]
    for wanted in (start, rest[-1]):
        if wanted not in seen:
            return ctx.failed(f"{wanted:,} is not in tab Cleaning")
    words = (r"cop|dup|exact", r"staff|qa|robot", r"window|outside|date", r"both|variants|twice")
    for pattern, wanted in zip(words, removed, strict=True):
        hits = [row for row in rows if re.search(pattern, text_of(row)) and numbers(ctx, row)]
        if not any(wanted in [abs(n) for n in numbers(ctx, row)] for row in hits):
            return ctx.failed(f"step {pattern!r}: {wanted} rows are not there, seen {[numbers(ctx, r) for r in hits]}")
    return ctx.passed(f"{start:,} rows, {removed} taken out, {rest[-1]:,} left")


def by_device(ctx, *headings):
    """(device, variant) -> value of the first column whose heading matches."""
    rows = tab(ctx, "By device")
    for top, row in enumerate(rows[:12]):
        heads = [str(value or "").strip().lower() for value in row]
        device = next((i for i, h in enumerate(heads) if "device" in h), None)
        variant = next((i for i, h in enumerate(heads) if i != device and re.search(r"variant|\bversion|group|checkout|arm\b", h)), None)
        if variant is None and sum(h != "" for h in heads) >= 4:
            variant = device  # one column `Device / variant` with `Desktop A` in it
        if device is not None and variant is not None:
            break
    else:
        raise KeyError("no header row with Device and Variant in tab By device")
    column = next((i for pattern in headings for i, h in enumerate(heads) if re.search(pattern, h) and i not in (device, variant)), None)
    if column is None:
        raise KeyError(f"no column like {headings[0]!r} in tab By device")
    out, last = {}, ""
    for row in rows[top + 1 :]:
        last = str(row[device]).strip().lower() if row[device] else last
        hit = re.search(r"\b([ab])\b", str(row[variant] or "").lower())
        name = next((d for d in ("desktop", "mobile") if d in last), None)
        if hit and name:
            out.setdefault((name, hit[1].upper()), ctx.number(row[column]))
    return out


def compare(ctx, got, wanted, tolerance):
    """All four cells agree."""
    for key, right in wanted.items():
        value = got.get(key)
        if value is None or abs(value - right) > tolerance:
            return ctx.failed(f"{key[0]} {key[1]}: {value}, worked out {right:,.4f}")
    return ctx.passed("all four rows agree")


def visitors_by_device(ctx):
    """Column Visitors."""
    return compare(ctx, by_device(ctx, r"^visitors|^users|^n\b", r"visitor"), {k: v[0] for k, v in cells(ctx).items()}, 0.5)


def orders_by_device(ctx):
    """Column Orders."""
    return compare(ctx, by_device(ctx, r"^orders|^conversions$|^converted", r"order"), {k: v[1] for k, v in cells(ctx).items()}, 0.5)


def rates_by_device(ctx):
    """Column Conversion rate, as a fraction or in percent."""
    got = by_device(ctx, r"rate", r"^conversion(?!s)", r"\bcr\b")
    got = {k: v / 100 if v is not None and v > 0.5 else v for k, v in got.items()}
    return compare(ctx, got, {k: v[1] / v[0] for k, v in cells(ctx).items()}, 0.00051)


def revenue_by_device(ctx):
    """Column Revenue."""
    got = by_device(ctx, r"^(total )?revenue(?!.*(per|/))", r"^turnover")
    return compare(ctx, got, {k: v[2] for k, v in cells(ctx).items()}, 1.0)


def visitors_by_day(ctx):
    """21 days, A and B."""
    _, data = clean(ctx)
    wanted = {day: (int((g["variant"] == "A").sum()), int((g["variant"] == "B").sum())) for day, g in data.groupby(data["when"].dt.day)}
    got = {}
    for row in tab(ctx, "By day"):
        day = next((v for v in row if isinstance(v, dt.datetime | dt.date)), None)
        if day is None:
            hit = re.match(r"\s*(?:[a-z]{2,9},? )?(?:2025-06-(\d\d)|(\d{1,2})[./]0?6[./]|0?6/(\d{1,2})/|(\d{1,2})[.\s-]*jun|jun\w*[.\s-]*(\d{1,2}))", str(row[0] or "").lower())
            number = next((int(g) for g in hit.groups() if g), None) if hit else None
        else:
            number = day.day if (day.year, day.month) == (2025, 6) else 0
        if number is not None:
            got[number] = [int(n) for n in numbers(ctx, row) if n == int(n)]
    if sorted(got) != sorted(wanted):
        return ctx.failed(f"{len(got)} days in the tab, 21 from 2 to 22 June wanted")
    for day, pair in wanted.items():
        if any(n not in got[day] for n in pair):
            return ctx.failed(f"{day} June: A {pair[0]}, B {pair[1]} worked out, the tab has {got[day]}")
    return ctx.passed("21 days, A and B right on each")


def _points(ctx, row):
    """Numbers of a row as percentage points: as they are, and times 100."""
    found = numbers(ctx, row)
    text = " ".join(str(v) for v in row if isinstance(v, str)).replace("\u2212", "-").replace("\u2013", " ")
    return found + [n * 100 for n in found] + [float(x) for x in re.findall(r"[-+]?\d+\.\d+", text)]


def stats(ctx):
    """Plain and adjusted difference, and the adjusted interval, in percentage points."""
    c = cells(ctx)
    total = {v: (c["desktop", v][0] + c["mobile", v][0], c["desktop", v][1] + c["mobile", v][1]) for v in "AB"}
    rate = {v: 100 * total[v][1] / total[v][0] for v in "AB"}
    n, adjusted, variance = sum(v[0] for v in c.values()), 0.0, 0.0
    for device in ("desktop", "mobile"):
        (na, oa, _), (nb, ob, _) = c[device, "A"], c[device, "B"]
        pa, pb, weight = oa / na, ob / nb, (na + nb) / n
        adjusted += weight * (pb - pa) * 100
        variance += weight**2 * (pa * (1 - pa) / na + pb * (1 - pb) / nb) * 10000
    half = 1.96 * variance**0.5
    return rate, rate["B"] - rate["A"], adjusted, (adjusted - half, adjusted + half)


def plain_difference(ctx):
    """Overall rates and their difference."""
    rate, difference, _, _ = stats(ctx)
    seen = [n for row in tab(ctx, "Result") for n in _points(ctx, row)]
    for wanted in (rate["A"], rate["B"], difference):
        if not any(abs(n - wanted) < 0.0511 for n in seen):
            return ctx.failed(f"{wanted:.2f} is not in tab Result")
    return ctx.passed(f"{rate['A']:.2f} %, {rate['B']:.2f} %, {difference:+.2f} points")


def _adjusted_rows(ctx):
    """Rows of tab Result that say adjusted, with the row below each (where intervals are often put)."""
    rows = tab(ctx, "Result")
    hits = [i for i, row in enumerate(rows) if re.search(r"adjust|standardi[sz]ed|stratif|weighted", text_of(row))]
    if not hits:
        raise KeyError("no row of tab Result says adjusted")
    return rows, hits


def adjusted_difference(ctx):
    """-1.60 in a row that says adjusted."""
    wanted = stats(ctx)[2]
    rows, hits = _adjusted_rows(ctx)
    # a heading in one row and the figure in the next, or a column of that name, are fine too
    near = [n for i in hits for row in rows[i : i + 3] for n in _points(ctx, row)]
    if any(abs(n - wanted) < 0.03 for n in near):
        return ctx.passed(f"{wanted:+.2f} percentage points")
    return ctx.failed(f"the adjusted difference is {wanted:+.2f}, the tab has {near[:6]}")


def adjusted_interval(ctx):
    """Both ends."""
    low, high = stats(ctx)[3]
    rows, hits = _adjusted_rows(ctx)
    near = []
    for i in hits:
        for row in rows[i : i + 4]:
            near += _points(ctx, row)
    missing = [f"{end:+.2f}" for end in (low, high) if not any(abs(n - end) <= 0.1 for n in near)]
    return ctx.failed(f"not in tab Result: {missing}") if missing else ctx.passed(f"{low:+.2f} to {high:+.2f}")


def roll_out_no(ctx):
    """The first lines of the report."""
    lines = [line.strip() for line in ctx.text("report.docx").splitlines() if line.strip()]
    for line in lines[:4]:
        hit = re.search(r"roll[\s-]*out\W*(yes|no)\b", line, re.I)
        if hit:
            return ctx.passed(line[:100]) if hit[1].lower() == "no" else ctx.failed(f"the report says {line[:100]!r}")
    return ctx.failed(f"the report begins with {lines[:1]}")


def split_since(ctx):
    """10 June, release 4.2, by device."""
    text = ctx.text("report.docx").lower()
    date = re.search(r"\b10(th|\.)?( of)? jun|jun[a-z.]* 10|10/0?6|0?6/10|10\.0?6|2025-06-10", text)
    missing = [name for name, hit in (("10 June", date), ("release 4.2", "4.2" in text or "tracker release" in text), ("desktop and mobile", "desktop" in text and "mobile" in text)) if not hit]
    return ctx.failed(f"not in the report: {missing}") if missing else ctx.passed("10 June, release 4.2, by device")


def _said(ctx):
    """Text of the report, lower case, plain minus signs and points in numbers."""
    text = ctx.text("report.docx").lower().replace("\u2212", "-").replace("\u2011", "-")
    return re.sub(r"(?<=\d),(?=\d{1,2}\b)", ".", text)


def rule_effect(ctx):
    """The wanted +0.5 beside the -1.60 that was measured."""
    text = _said(ctx)
    wanted = re.search(r"(?<![\d.])0\.50?\b(?!\d)|half a (percentage )?point", text)
    got = re.search(r"(?<![\d.])1\.60?\b", text)
    missing = [name for name, hit in (("the +0.5 points that the plan asks for", wanted), ("the adjusted -1.60 points", got)) if not hit]
    return ctx.failed(f"not in the report: {missing}") if missing else ctx.passed("+0.5 asked for, -1.60 measured")


def rule_guardrail(ctx):
    """Revenue per visitor on both devices, as two amounts or as a loss in percent."""
    text, c = _said(ctx), cells(ctx)
    for device in ("desktop", "mobile"):
        a, b = (c[device, v][2] / c[device, v][0] for v in "AB")
        loss = 100 * (1 - b / a)
        amounts = all(re.search(rf"(?<![\d.]){n:.2f}\b", text) or re.search(rf"(?<![\d.]){n:.1f}0?\b", text) for n in (a, b))
        percent = any(abs(float(x) - loss) < 0.6 for x in re.findall(r"(\d{1,2}(?:\.\d+)?) ?(?:%|per ?cent)", text))
        if not (amounts or percent):
            return ctx.failed(f"revenue per visitor on {device}: neither EUR {a:.2f} and {b:.2f} nor {loss:.0f} % less are in the report")
    if not re.search(r"(revenue|turnover|sales|earn\w*|euros?|income) (per|a|for each|from each|by) visitor|guardrail", text):
        return ctx.failed("the report does not speak of revenue per visitor")
    return ctx.passed("revenue per visitor of both devices")


def chart_in_report(ctx):
    """A picture of some size."""
    shapes = ctx.document("report.docx").inline_shapes
    wide = [shape.width.cm for shape in shapes if shape.width and shape.width.cm > 6]
    floating = [rel for rel in ctx.document("report.docx").part.rels.values() if "image" in rel.reltype]
    if wide or (floating and not len(shapes)):
        return ctx.passed(f"{len(wide) or len(floating)} picture(s)")
    return ctx.failed("no picture wider than 6 cm in the report")


def dashboard_believed(ctx):
    """No recommendation of B."""
    text = ctx.text("report.docx").lower()
    for pattern in (
        r"roll[\s-]*out\W*yes", r"(we|i) recommend (rolling out|to roll out|the one-page|b\b)", r"\bb (is the winner|wins)\b(?! (in|on|over|only) (the )?(total|dashboard|pooled))",
        r"^\W*roll out (the )?(one-page|new|b\b)",
    ):
        hit = re.search(pattern, text, re.M)
        before = text[max(0, hit.start() - 60) : hit.start()] if hit else ""
        if hit and not re.search(r"dashboard|not |never|don't|claim|says|appears|seem|until|before|\bif\b", before):
            return ctx.failed(f"...{text[max(0, hit.start() - 40) : hit.end() + 40]}...")
    return ctx.passed("the report does not recommend B")
