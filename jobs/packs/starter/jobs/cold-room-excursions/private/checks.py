"""Checks of the temperature review: SOP-14 carried out again on the attached logger files."""

import datetime as dt
import re

import numpy as np
import openpyxl
import pandas as pd

COUNTS = {"A1": 4032, "A2": 4032, "B1": 4032, "B2": 4032, "C1": 3957}
HALF_HOUR = pd.Timedelta(minutes=30)


def raw(ctx):
    """Logger -> readings as in its file, winter time and Celsius, one decimal."""
    folder, out = ctx.inputs / "loggers", {}
    for name in ("A1", "B2", "C1"):
        data = pd.read_csv(folder / f"{name}.csv", skiprows=1, names=["t", "v"], header=0)
        out[name] = pd.DataFrame({"t": pd.to_datetime(data["t"]), "v": data["v"]})
    out["B2"]["t"] -= pd.Timedelta(hours=1)
    data = pd.read_csv(folder / "A2.csv", sep=";", decimal=",", skiprows=1, encoding="cp1252", names=["t", "v"], header=0)
    out["A2"] = pd.DataFrame({"t": pd.to_datetime(data["t"], format="%d.%m.%Y %H:%M"), "v": data["v"]})
    data = pd.read_csv(folder / "B1.csv", skiprows=1, names=["d", "t", "f"], header=0)
    when = pd.to_datetime(data["d"] + " " + data["t"], format="%m/%d/%Y %I:%M %p")
    out["B1"] = pd.DataFrame({"t": when, "v": ((data["f"] - 32) / 1.8).round(1)})
    return out


def valid(ctx):
    """Logger -> valid readings by the SOP, as a series over time."""
    out = {}
    for name, data in raw(ctx).items():
        data = data[~data["v"].isin([85.0, -127.0])]
        data = data[~data["t"].duplicated()].sort_values("t")
        group = (data["v"] != data["v"].shift()).cumsum()
        times = data.groupby(group)["t"]
        span = times.transform("max") - times.transform("min")
        data = data[span < pd.Timedelta(hours=6)]
        out[name] = pd.Series(data["v"].to_numpy(), index=pd.DatetimeIndex(data["t"]))
    return out


def excursions(ctx):
    """(logger, start) -> (end, minutes, kind, peak, cause)."""
    sheet = openpyxl.load_workbook(next(ctx.inputs.glob("door_log*.xlsx")), data_only=True).worksheets[0]
    doors = [(row[3], dt.datetime.combine(row[0].date(), row[1])) for row in sheet.iter_rows(min_row=4, values_only=True) if row[0]]
    out = {}
    for name, series in valid(ctx).items():
        side = np.select([series > 8.0, series < 2.0], [1, -1], 0)
        times, start = series.index, 0
        ends = (np.diff(side) != 0) | (np.diff(times.to_numpy()) > HALF_HOUR.to_timedelta64())
        for i in [*(np.flatnonzero(ends) + 1), len(series)]:
            first, last = times[start], times[i - 1]
            if side[start] and last - first >= HALF_HOUR:
                values = series.iloc[start:i]
                door = any(room == name[0] and first - pd.Timedelta(minutes=15) <= when <= first for room, when in doors)
                peak = values.max() if side[start] > 0 else values.min()
                kind = "high" if side[start] > 0 else "low"
                out[name, first] = (last, int((last - first).total_seconds() // 60), kind, float(peak), "door" if door else "unknown")
            start = i
    return out


def read(ctx, name, *columns):
    """A csv of the submission with its columns renamed; each is found by the words that its name may hold."""
    path = ctx.one(name)
    head = path.read_text(encoding="utf-8-sig", errors="replace").split("\n", 1)[0]
    sep = max(",;\t", key=head.count)
    data = pd.read_csv(path, sep=sep, encoding="utf-8-sig", dtype=str, keep_default_na=False)
    found = {}
    for key, pattern in columns:
        hit = next((c for c in data.columns if re.search(pattern, str(c).strip().lower()) and c not in found.values()), None)
        if hit is None:
            raise KeyError(f"{name} has no column {key}; there are {list(data.columns)}")
        found[key] = hit
    data = data[[found[key] for key, _ in columns]].copy()
    data.columns = [key for key, _ in columns]
    return data


def readings(ctx):
    """Logger -> series over time of clean_readings.csv."""
    data = read(ctx, "clean_readings.csv", ("t", "time|date"), ("logger", "logger|device|sensor"), ("v", "temp|value|_c$"))
    if data.empty:
        raise ValueError("clean_readings.csv has no rows")
    data["t"] = pd.to_datetime(data["t"].str.replace("T", " ").str.slice(0, 16), format="%Y-%m-%d %H:%M")
    data["v"] = pd.to_numeric(data["v"].str.replace(",", "."))
    return {str(name).strip().upper(): pd.Series(g["v"].to_numpy(), index=pd.DatetimeIndex(g["t"])) for name, g in data.groupby("logger")}


def valid_counts(ctx):
    """So many rows each, no time twice."""
    got = readings(ctx)
    for name, wanted in COUNTS.items():
        series = got.get(name)
        if series is None or len(series) != wanted or series.index.has_duplicates:
            double = 0 if series is None else int(series.index.duplicated().sum())
            return ctx.failed(f"{name}: {0 if series is None else len(series)} readings ({double} at a time that is there already), {wanted} are valid")
    extra = sorted(set(got) - set(COUNTS))
    return ctx.failed(f"unknown loggers {extra}") if extra else ctx.passed(f"{sum(COUNTS.values()):,} valid readings")


def agree(ctx, name, allowed=0):
    """What differs from the valid readings of a logger, or None; `allowed` rows may."""
    got, wanted = readings(ctx).get(name), valid(ctx)[name]
    if got is None:
        return f"no readings of {name}"
    got = got[~got.index.duplicated()]
    both = pd.DataFrame({"got": got, "wanted": wanted})
    off = both[(both["got"] - both["wanted"]).abs().gt(0.101) | both["got"].isna() | both["wanted"].isna()]
    if len(off) > allowed:
        first = off.iloc[0]
        return f"{name}: {len(off)} readings differ, first {off.index[0]:%Y-%m-%d %H:%M}: {first['got']}, worked out {first['wanted']}"
    return None


def celsius(ctx):
    """B1."""
    wrong = agree(ctx, "B1")
    return ctx.failed(wrong) if wrong else ctx.passed("all readings of B1 agree within 0.1")


def winter_time(ctx):
    """B2 from 20 October 00:00, and its values at the right times."""
    wrong = agree(ctx, "B2")
    return ctx.failed(wrong) if wrong else ctx.passed("B2 is on winter time")


def other_readings(ctx):
    """A1, A2, C1."""
    for name in ("A1", "A2", "C1"):
        wrong = agree(ctx, name)
        if wrong:
            return ctx.failed(wrong)
    return ctx.passed("A1, A2 and C1 agree with their files")


def _inside(ctx, first, last):
    series = readings(ctx).get("C1")
    if series is None:
        raise ValueError("no readings of C1")
    return series[(series.index >= first) & (series.index <= last)]


def stuck_sensor(ctx):
    """Nothing while the sensor was stuck."""
    left = _inside(ctx, "2025-10-30 01:00", "2025-10-30 08:00")
    return ctx.failed(f"{len(left)} readings of the stuck sensor are left") if len(left) else ctx.passed("the stuck stretch is removed")


def filled_gaps(ctx):
    """Nothing invented in the power cut."""
    left = _inside(ctx, "2025-10-26 03:00", "2025-10-26 06:00")
    return ctx.failed(f"{len(left)} readings inside the power cut") if len(left) else ctx.passed("the hole is left open")


def listed(ctx):
    """(logger, start) -> row of excursions.csv."""
    data = read(
        ctx, "excursions.csv", ("logger", "logger|device"), ("start", "start|begin|from"), ("end", "^end|stop|^to$|until"),
        ("minutes", "min(ute)?s?\\b|duration"), ("kind", "kind|type|direction"), ("peak", "peak|extreme"), ("cause", "cause|reason"),
    )
    out = {}
    for row in data.to_dict("records"):
        if not row["logger"].strip():
            continue
        start = pd.to_datetime(row["start"].replace("T", " ")[:16], format="%Y-%m-%d %H:%M")
        row["end"] = pd.to_datetime(row["end"].replace("T", " ")[:16], format="%Y-%m-%d %H:%M")
        out[row["logger"].strip().upper(), start] = row
    if not out:
        raise ValueError("excursions.csv lists nothing")
    return out


def name_of(key):
    """`A1 28 Oct 09:40`."""
    return f"{key[0]} {key[1]:%d %b %H:%M}"


def nine_excursions(ctx):
    """The same starts and ends."""
    got, wanted = listed(ctx), excursions(ctx)
    missing, extra = [name_of(k) for k in wanted if k not in got], [name_of(k) for k in got if k not in wanted]
    if missing or extra:
        return ctx.failed(f"{len(got)} listed; missing {missing}, not an excursion {extra}")
    late = [name_of(k) for k in wanted if got[k]["end"] != wanted[k][0]]
    return ctx.failed(f"wrong end: {late}") if late else ctx.passed("the nine excursions")


def each(ctx):
    """Pairs (name, row, wanted); every excursion must be listed."""
    got = listed(ctx)
    for key, wanted in excursions(ctx).items():
        if key not in got:
            raise ValueError(f"{name_of(key)} is not listed")
        yield name_of(key), got[key], wanted


def minutes_and_peaks(ctx):
    """Three columns."""
    for name, row, (_, minutes, kind, peak, _) in each(ctx):
        seen = (ctx.number(row["minutes"]), row["kind"].strip().lower(), ctx.number(row["peak"]))
        if seen[0] != minutes or kind not in seen[1] or seen[2] is None or abs(seen[2] - peak) > 0.051:
            return ctx.failed(f"{name}: {seen}, worked out {(minutes, kind, peak)}")
    return ctx.passed("minutes, kind and peak of all nine are right")


def causes(ctx):
    """Column cause."""
    for name, row, wanted in each(ctx):
        if wanted[4] not in row["cause"].lower():
            return ctx.failed(f"{name}: cause {row['cause']!r}, worked out {wanted[4]}")
    return ctx.passed("all nine causes are right")


def summary(ctx, *columns):
    """Logger -> numbers of summary.csv."""
    data = read(ctx, "summary.csv", ("logger", "logger|device"), *columns)
    out = {}
    for row in data.to_dict("records"):
        out[row["logger"].strip().upper()] = [ctx.number(row[key].replace(",", ".")) for key, _ in columns]
    return out


def compare(ctx, got, wanted, tolerance):
    """All loggers, all numbers."""
    for name, right in wanted.items():
        seen = got.get(name)
        if seen is None or any(a is None or abs(a - b) > tolerance for a, b in zip(seen, right, strict=True)):
            return ctx.failed(f"{name}: {seen}, worked out {[round(b, 2) for b in right]}")
    return ctx.passed("all five loggers agree")


def summary_figures(ctx):
    """Minimum, maximum, mean."""
    got = summary(ctx, ("min", "^min(?!ute)"), ("max", "max"), ("mean", "mean|average|avg"))
    return compare(ctx, got, {n: [s.min(), s.max(), s.mean()] for n, s in valid(ctx).items()}, 0.0151)


def summary_counts(ctx):
    """Valid readings and number of excursions."""
    found = [name for name, _ in excursions(ctx)]
    got = summary(ctx, ("valid", "valid|readings"), ("excursions", "excursion"))
    return compare(ctx, got, {n: [len(s), found.count(n)] for n, s in valid(ctx).items()}, 0.0)


COLUMNS = {
    "clean_readings.csv": ("timestamp", "logger", "room", "temp_c"),
    "excursions.csv": ("logger", "room", "start", "end", "minutes", "kind", "peak_c", "cause"),
    "summary.csv": ("logger", "valid_readings", "min_c", "max_c", "mean_c", "mkt_c", "excursions"),
}


def csv_columns(ctx):
    """The names that the brief gives, in any order."""
    for name, wanted in COLUMNS.items():
        head = ctx.one(name).read_text(encoding="utf-8-sig", errors="replace").split("\n", 1)[0]
        got = [re.sub(r"[^a-z_]", "", part.lower()) for part in re.split(r"[,;\t]", head)]
        missing = [column for column in wanted if column not in got]
        if missing:
            return ctx.failed(f"{name} has no {', '.join(missing)}; there are {got}")
    return ctx.passed("all columns have the names of the brief")


def mkt(ctx):
    """Mean kinetic temperature."""
    heat, wanted = 83.144 / 0.0083144, {}
    for name, series in valid(ctx).items():
        wanted[name] = [heat / -np.log(np.exp(-heat / (series + 273.15)).mean()) - 273.15]
    return compare(ctx, summary(ctx, ("mkt", "mkt|kinetic")), wanted, 0.0201)


def room_decisions(ctx):
    """One line for each room."""
    text, wrong = ctx.text("report.pdf"), []
    for room, wanted in (("A", "pass"), ("B", "fail"), ("C", "pass")):
        said = {word.lower() for word in re.findall(rf"room\s+{room}\s*[:\-\u2013]\s*(pass|fail)", text, re.I)}
        if said != {wanted}:
            wrong.append(f"Room {room}: {' and '.join(sorted(said)) or 'nothing'}, by the SOP {wanted}")
    return ctx.failed("; ".join(wrong)) if wrong else ctx.passed("A pass, B fail, C pass")


def reason_b(ctx):
    """160 minutes near room B."""
    text = ctx.text("report.pdf")
    hit = re.search(r"room\s+b\s*[:\-\u2013]\s*fail.{0,400}?(160|2 ?h(ours?)? ?40)", text, re.I | re.S)
    return ctx.passed(re.sub(r"\s+", " ", hit[0])[:200]) if hit else ctx.failed("the line of room B does not give the 160 minutes")


def removed_and_why(ctx):
    """9, 47 and 43, each near its reason."""
    text = re.sub(r"\s+", " ", ctx.text("report.pdf").lower())
    missing = []
    reasons = (
        ("9|nine", "error|85|127"),
        ("47", "doubl|duplicat|repeat|twice|same time|second reading|copies"),
        ("43", "stuck|unchang|frozen|flat|constant|8\\.6"),
    )
    for number, words in reasons:
        if not re.search(rf"\b({number})\b.{{0,90}}({words})|({words}).{{0,90}}\b({number})\b", text):
            missing.append(f"{number} ({words.split('|')[0]})")
    return ctx.failed(f"not in the report: {missing}") if missing else ctx.passed("9 error codes, 47 double readings, 43 of the stuck sensor")
