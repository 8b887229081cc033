"""Checks of the interview plan: any plan that keeps all the rules is right, so the rules are tested, not one plan."""

import csv
import datetime as dt
import re
from zoneinfo import ZoneInfo

UK = ZoneInfo("Europe/London")
ZONES = {
    "Lagos": "Africa/Lagos", "London": "Europe/London", "Lisbon": "Europe/Lisbon", "New York": "America/New_York",
    "Istanbul": "Europe/Istanbul", "Leeds": "Europe/London", "Sydney": "Australia/Sydney", "Oslo": "Europe/Oslo",
    "Bengaluru": "Asia/Kolkata", "Seattle": "America/Los_Angeles", "Berlin": "Europe/Berlin",
}
PANEL = {
    "margit": [(17, "9:00", "11:00"), (17, "12:00", "17:00"), (18, "8:00", "13:00"), (19, "10:00", "17:00")],
    "simon": [(17, "13:00", "17:30"), (18, "12:00", "17:00"), (19, "9:00", "12:30")],
    "ravi": [(17, "9:00", "17:00"), (18, "10:00", "14:30"), (18, "15:30", "16:00"), (19, "9:00", "13:00")],
    "owen": [(17, "13:00", "17:00"), (18, "8:00", "15:00"), (19, "13:00", "17:30")],
}
BOOKED = [(17, "9:00", "10:15"), (17, "15:30", "17:00"), (18, "9:00", "11:00"), (18, "13:15", "14:00"), (19, "10:30", "11:30"), (19, "14:00", "15:15")]
HOUR = r"(\d{1,2})[:.h](\d{2})(?::\d{2})?\s*([ap]\.?m\b)?"


def candidates(ctx):
    """First name -> row of the shortlist."""
    with (ctx.inputs / "shortlist.csv").open(encoding="utf-8-sig", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if not row["Name"].startswith("Leon")]
    return {row["Name"].split()[0].lower(): row for row in rows}


def minutes(text):
    """`9:15` -> 555."""
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def clock(value):
    """(hour, minute) of a cell: a time, a date with time, a fraction of a day, or a text."""
    if isinstance(value, dt.datetime | dt.time):
        return value.hour, value.minute
    if isinstance(value, dt.timedelta):
        return divmod(round(value.total_seconds() / 60), 60)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return divmod(round((value % 1) * 1440), 60)
    text = re.sub(r"(utc|gmt)\s*[+-]\s*\d{1,2}(:?\d{2})?", "", str(value or ""), flags=re.I)
    hits = list(re.finditer(HOUR, text, re.I))
    if not hits:
        raise ValueError(f"no time of day in {value!r}")
    # `18.03.2026 19.30` has the time last, `Wed 19:30 to 20:15` has the start first
    hit = next((one for one in hits if ":" in one[0]), hits[-1])
    hour, half = int(hit[1]), (hit[3] or "").lower()[:1]
    return (hour % 12 + 12 if half == "p" else hour % 12 if half == "a" else hour), int(hit[2])


def day_of(value):
    """The day of March 2026."""
    if isinstance(value, dt.datetime | dt.date):
        if (value.year, value.month) != (2026, 3):
            raise ValueError(f"{value} is not in March 2026")
        return value.day
    hit = re.search(r"\b(17|18|19)(st|nd|rd|th)?\b", str(value or ""))
    if not hit:
        raise ValueError(f"no day from 17 to 19 March in {value!r}")
    return int(hit[1])


def panel_key(value):
    """First name of the panel member that a cell names: `Margit Hale`, `M. Hale`, `Margit`."""
    text = str(value or "").strip().lower()
    for first, last in (("margit", "hale"), ("simon", "achebe"), ("ravi", "menon"), ("owen", "prys")):
        if first in text or last in text:
            return first
    return text.split(" ")[0]


def candidate_key(value):
    """First name, also of `Obi, Amara`."""
    text = str(value).strip().lower()
    return text.split(",")[1].split()[0] if re.match(r"\w+, \w", text) else text.split()[0]


def interviews(ctx):
    """The rows of tab Schedule as dicts; times are datetimes in London."""
    book = ctx.workbook("*.xlsx")
    sheet = next((s for s in book.worksheets if s.title.strip().lower() == "schedule"), book.worksheets[0])
    rows = list(sheet.iter_rows(values_only=True))
    names = ("candidate", "date", "start", "end", "local", "where", "chair", "tech")
    for top, row in enumerate(rows[:15]):
        cells = [str(value or "").strip().lower() for value in row]
        found = {name: next((i for i, c in enumerate(cells) if c.startswith(name)), None) for name in names}
        if None not in found.values():
            break
    else:
        raise KeyError("no header row with Candidate, Date, Start, End, Local start, Where, Chair, Technical")
    out, last = [], None
    for row in rows[top + 1 :]:
        get = lambda name: row[found[name]]  # noqa: B023, E731
        if not get("candidate") or get("start") in (None, ""):
            continue
        last = get("date") if get("date") not in (None, "") else last
        day, (h1, m1), (h2, m2) = day_of(last), clock(get("start")), clock(get("end"))
        out.append({
            "name": str(get("candidate")).strip(), "key": candidate_key(get("candidate")), "day": day,
            "start": dt.datetime(2026, 3, day, h1, m1, tzinfo=UK), "end": dt.datetime(2026, 3, day, h2, m2, tzinfo=UK),
            "local": get("local"), "where": str(get("where") or "").lower(),
            "chair": panel_key(get("chair")), "tech": panel_key(get("tech")),
        })
    if not out:
        raise ValueError("tab Schedule has no interviews")
    return out


def full(ctx):
    """Interviews, when every candidate has one; otherwise the rules cannot be kept."""
    rows, wanted = interviews(ctx), candidates(ctx)
    missing = sorted(set(wanted) - {row["key"] for row in rows})
    if missing:
        raise ValueError(f"no interview for {missing}")
    return [row for row in rows if row["key"] in wanted]


def show(row):
    """One row, short."""
    return f"{row['name']} {row['start']:%a %d %H:%M}-{row['end']:%H:%M} London"


def within(row, windows):
    """Whether the interview lies in one of (day, from, to), London time."""
    a, b = row["start"].hour * 60 + row["start"].minute, row["end"].hour * 60 + row["end"].minute
    return any(day == row["day"] and minutes(x) <= a and b <= minutes(y) for day, x, y in windows)


def touches(row, windows):
    """Whether it overlaps one of (day, from, to)."""
    a, b = row["start"].hour * 60 + row["start"].minute, row["end"].hour * 60 + row["end"].minute
    return any(day == row["day"] and a < minutes(y) and minutes(x) < b for day, x, y in windows)


def each_candidate_once(ctx):
    """Twelve rows."""
    keys, wanted = sorted(row["key"] for row in interviews(ctx)), sorted(candidates(ctx))
    if keys == wanted:
        return ctx.passed("twelve interviews, one each")
    return ctx.failed(f"{len(keys)} interviews; missing {sorted(set(wanted) - set(keys))}, too many {sorted({k for k in keys if k not in wanted or keys.count(k) > 1})}")


def candidates_can(ctx):
    """Inside a slot of the candidate's own."""
    wanted = candidates(ctx)
    for row in full(ctx):
        person = wanted[row["key"]]
        zone = ZoneInfo(ZONES[person["Where they are"]])
        slots = []
        for day, a, b in re.findall(r"(\d+) March (\d+:\d+)-(\d+:\d+)", person["Available (their own local time)"]):
            times = [dt.datetime(2026, 3, int(day), *map(int, t.split(":")), tzinfo=zone) for t in (a, b)]
            slots.append(times)
        if not any(a <= row["start"] and row["end"] <= b for a, b in slots):
            local = row["start"].astimezone(zone)
            return ctx.failed(f"{show(row)} is {local:%a %H:%M} in {person['Where they are']}; free: {person['Available (their own local time)']}")
    return ctx.passed("all twelve lie in slots the candidates named")


def panel_can(ctx):
    """Inside the hours of both."""
    for row in full(ctx):
        for who in (row["chair"], row["tech"]):
            if who not in PANEL:
                return ctx.failed(f"{show(row)}: {who or 'nobody'} is not on the panel")
            if not within(row, PANEL[who]):
                return ctx.failed(f"{show(row)}: {who.title()} is not free")
    return ctx.passed("both panel members are free in all twelve")


def gaps(ctx):
    """15 minutes between two of the same person."""
    rows = full(ctx)
    for i, one in enumerate(rows):
        for two in rows[i + 1 :]:
            both = {one["chair"], one["tech"]} & {two["chair"], two["tech"]}
            gap = dt.timedelta(minutes=15)
            if both and one["start"] < two["end"] + gap and two["start"] < one["end"] + gap:
                return ctx.failed(f"{sorted(both)}: {show(one)} and {show(two)}")
    return ctx.passed("at least 15 minutes between any two of the same person")


def chair_and_technical(ctx):
    """One of each."""
    for row in full(ctx):
        if row["chair"] not in ("margit", "simon") or row["tech"] not in ("ravi", "owen"):
            return ctx.failed(f"{show(row)} has chair {row['chair']!r} and technical {row['tech']!r}")
    return ctx.passed("one chair and one technical member each")


def lengths(ctx):
    """45 or 60 minutes, on the quarter hour."""
    for row in full(ctx):
        wanted = 60 if row["key"] == "ingrid" else 45
        if (row["end"] - row["start"]).total_seconds() != wanted * 60 or row["start"].minute % 15:
            return ctx.failed(f"{show(row)}, wanted {wanted} minutes from the quarter hour")
    return ctx.passed("45 minutes each, 60 for Ingrid Solberg")


def lunch(ctx):
    """12:30 to 13:15 is free."""
    for row in full(ctx):
        if touches(row, [(day, "12:30", "13:15") for day in (17, 18, 19)]):
            return ctx.failed(f"{show(row)} touches lunch")
    return ctx.passed("nothing between 12:30 and 13:15")


def _place(ctx, form, word):
    """Rows of the candidates with this format, all with `word` in Where and no two at a time; or what is wrong."""
    wanted = candidates(ctx)
    rows = [row for row in full(ctx) if wanted[row["key"]]["Format"] == form]
    for row in rows:
        if word not in row["where"]:
            return rows, f"{show(row)} is in {row['where']!r}"
    for i, one in enumerate(rows):
        for two in rows[i + 1 :]:
            if one["start"] < two["end"] and two["start"] < one["end"]:
                return rows, f"at the same time: {show(one)} and {show(two)}"
    return rows, None


def garden_room(ctx):
    """Four in the Garden Room, when it is free."""
    rows, wrong = _place(ctx, "in person", "garden")
    taken = next((row for row in rows if touches(row, BOOKED)), None)
    if wrong or taken:
        return ctx.failed(wrong or f"{show(taken)}: the Garden Room is booked")
    return ctx.passed(f"{len(rows)} interviews in the free Garden Room")


def one_zoom(ctx):
    """Eight on Zoom, one at a time."""
    rows, wrong = _place(ctx, "online", "zoom")
    return ctx.failed(wrong) if wrong else ctx.passed(f"{len(rows)} interviews on Zoom, one at a time")


def three_for_margit(ctx):
    """At most three a day."""
    days = [row["day"] for row in full(ctx) if row["chair"] == "margit"]
    worst = max(((days.count(day), day) for day in (17, 18, 19)))
    return ctx.passed(f"at most {worst[0]} a day") if worst[0] <= 3 else ctx.failed(f"{worst[0]} on {worst[1]} March")


def conflicts(ctx):
    """Two pairs that may not meet."""
    for row in full(ctx):
        if (row["key"], row["tech"]) in (("bea", "ravi"), ("kemi", "owen")):
            return ctx.failed(f"{show(row)} with {row['tech'].title()}")
    return ctx.passed("Bea without Ravi, Kemi without Owen")


def local_of(ctx, row):
    """Start in the candidate's own time."""
    return row["start"].astimezone(ZoneInfo(ZONES[candidates(ctx)[row["key"]]["Where they are"]]))


def local_start(ctx):
    """Column Local start."""
    for row in full(ctx):
        local = local_of(ctx, row)
        if clock(row["local"]) != (local.hour, local.minute):
            return ctx.failed(f"{show(row)}: local start {row['local']}, worked out {local:%H:%M}")
    return ctx.passed("all local starts are right")


def _events(ctx):
    """(title, start, end) of the calendar's events, times in UTC."""
    text = re.sub(r"\r?\n[ \t]", "", ctx.one("*.ics").read_text(encoding="utf-8-sig", errors="replace"))
    out = []
    for block in re.findall(r"BEGIN:VEVENT(.*?)END:VEVENT", text, re.S):
        title = re.search(r"^SUMMARY[^:\n]*:(.*)$", block, re.M)
        times = []
        for name in ("DTSTART", "DTEND"):
            hit = re.search(rf"^{name}([^:\n]*):(\d{{8}}T\d{{6}})(Z?)", block, re.M)
            if hit is None:
                span = re.search(r"^DURATION:PT(?:(\d+)H)?(?:(\d+)M)?", block, re.M)
                if name == "DTEND" and span and times:
                    times.append(times[0] + dt.timedelta(hours=int(span[1] or 0), minutes=int(span[2] or 0)))
                    continue
                raise ValueError(f"an event without {name}")
            zone = re.search(r"TZID=\"?([A-Za-z_/]+)", hit[1])
            tz = dt.timezone.utc if hit[3] else ZoneInfo(zone[1]) if zone else UK
            times.append(dt.datetime.strptime(hit[2], "%Y%m%dT%H%M%S").replace(tzinfo=tz))
        out.append((title[1].strip() if title else "", *times))
    return out


def calendar_file(ctx):
    """Same times as in the schedule."""
    events, rows, wanted = _events(ctx), full(ctx), candidates(ctx)
    if len(events) != 12:
        return ctx.failed(f"{len(events)} events in the calendar file")
    for row in rows:
        person = wanted[row["key"]]["Name"].lower()
        mine = [event for event in events if all(part in event[0].lower() for part in person.split())]
        if len(mine) != 1:
            return ctx.failed(f"{len(mine)} events name {row['name']} in the title")
        if (mine[0][1], mine[0][2]) != (row["start"], row["end"]):
            return ctx.failed(f"{show(row)}, in the calendar {mine[0][1]:%a %d %H:%M} to {mine[0][2]:%H:%M}")
    return ctx.passed("twelve events, times as in the schedule")


def letters(ctx):
    """First name -> text of the email to that candidate, from its greeting to the next one."""
    text, out = ctx.text("*.docx"), {}
    starts = [(m.start(), m[1].lower()) for m in re.finditer(r"\b(?:Dear|Hello|Hi)\s+(\w+)", text)]
    for (start, name), (end, _) in zip(starts, [*starts[1:], (len(text), "")], strict=True):
        out.setdefault(name, text[start:end])
    return out


def invitations_local(ctx):
    """Twelve emails in local time."""
    found = letters(ctx)
    for row in full(ctx):
        letter, local = found.get(row["key"]), local_of(ctx, row)
        if letter is None:
            return ctx.failed(f"no email to {row['name']}")
        times = {clock(hit[0]) for hit in re.finditer(HOUR, letter, re.I)}
        if (local.hour, local.minute) not in times:
            return ctx.failed(f"email to {row['name']}: local start is {local:%H:%M}, the email has {sorted(times)}")
        if not re.search(rf"\b{local.day}(st|nd|rd|th)?\b", letter):
            return ctx.failed(f"email to {row['name']} does not name the {local.day} March")
    return ctx.passed("twelve emails with the local date and start")


def invitations_details(ctx):
    """Length and panel of each email."""
    found = letters(ctx)
    people = {"margit": "margit hale", "simon": "simon achebe", "ravi": "ravi menon", "owen": "owen prys"}
    for row in full(ctx):
        letter = " ".join(found.get(row["key"], "").lower().split())
        if not letter:
            return ctx.failed(f"no email to {row['name']}")
        said = re.search(r"(\d+)\s*-?\s*min", letter)
        wanted = 60 if row["key"] == "ingrid" else 45
        if said is None or int(said[1]) != wanted:
            return ctx.failed(f"email to {row['name']}: wanted {wanted} minutes, it has {said[0] if said else 'none'}")
        named = {key for key, name in people.items() if name in letter}
        if named != {row["chair"], row["tech"]}:
            return ctx.failed(f"email to {row['name']} names {sorted(named)}, in the schedule {sorted((row['chair'], row['tech']))}")
    return ctx.passed("minutes and panel of all twelve emails agree with the schedule")


def placeholders_filled(ctx):
    """No brackets left, the place in each."""
    text, wanted = ctx.text("*.docx"), candidates(ctx)
    if re.search(r"[{}]", text):
        return ctx.failed("a curly bracket of the template is left", anchor=re.search(r".{0,30}[{}].{0,30}", text)[0])
    found = letters(ctx)
    for key, person in wanted.items():
        place = "zoom.example.com/j/5550142" if person["Format"] == "online" else "2 Pier Street"
        if place not in found.get(key, ""):
            return ctx.failed(f"email to {person['Name']} lacks {place}")
    return ctx.passed("every email names its place, no bracket left")
