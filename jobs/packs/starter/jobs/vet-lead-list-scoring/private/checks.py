"""Checks of the vet lead list: what must stand in leads_scored.xlsx, compared with the worked-out truth of both exports.

`LEADS` maps (name, e-mail) to (points by part, segment, state, vets, source, phone); `OUT` lists who must be taken out.
"""

import re

FILE = "leads_scored.xlsx"
PARTS = ["state", "size", "role", "system", "engagement"]
LEADS = {
    ('curtis abernathy', 'curtis.abernathy@chisholmtrailvet.example.com'): ([20, 10, 0, 5, 10], 'Cool', 'LA', 2, 'Webinar', ''),
    ('devon ainsley', 'devon@silverspurvet.example.com'): ([20, 30, 20, 15, 10], 'Hot', 'TX', 4, 'Both', '512-555-0163'),
    ('tara alcott', 'tara.alcott@prairiewindvet.example.com'): ([0, 30, 10, 15, 0], 'Out of area', 'CO', 5, 'Webinar', ''),
    ('rosa beaumont', 'rosa@pineywoodsvet.example.com'): ([0, 30, 25, 20, 0], 'Out of area', 'KS', 10, 'Webinar', ''),
    ('hallie bexley', 'hallie@bostonmountainvet.example.com'): ([20, 5, 25, 20, 10], 'Hot', 'TX', None, 'Webinar', ''),
    ('ross brandt', 'ross.brandt@riobravovet.example.com'): ([20, 30, 20, 20, 10], 'Hot', 'LA', 4, 'Webinar', ''),
    ('tessa cantu', 'tessa@stillwatervet.example.com'): ([20, 10, 10, 20, 0], 'Warm', 'OK', 2, 'Webinar', ''),
    ('earl castellano', 'earl.castellano@caprockvet.example.com'): ([20, 30, 10, 0, 0], 'Warm', 'TX', 5, 'Webinar', ''),
    ('wyatt coates', 'wyatt.coates@whiteoakvet.example.com'): ([0, 10, 20, 5, 0], 'Out of area', 'CO', 1, 'Both', '405-555-0123'),
    ('elsa crowder', 'elsa.crowder@redrivervet.example.com'): ([20, 30, 0, -10, 0], 'Cool', 'NM', 8, 'Webinar', ''),
    ('sofia delgado', 'sdelgado@hilltopvet.example.com'): ([0, 0, 25, 20, 15], 'Out of area', 'MO', 26, 'Show', '504-555-0164'),
    ('fern drummond', 'fdrummond@riverwalkvet.example.com'): ([20, 30, 20, 15, 15], 'Hot', 'TX', 8, 'Show', '504-555-0116'),
    ('cruz dunaway', 'cruz@crescentcityvet.example.com'): ([20, 10, 10, 20, 10], 'Warm', 'TX', 2, 'Webinar', ''),
    ('priya dyer', 'pdyer@hilltopvet.example.com'): ([0, 0, 0, 20, 0], 'Out of area', 'MO', 26, 'Both', '501-555-0156'),
    ('shauna eastman', 'shauna@sandiavet.example.com'): ([20, 10, 20, 20, 0], 'Warm', 'TX', 2, 'Both', '504-555-0159'),
    ('kira ellery', 'kellery@mockingbirdvet.example.com'): ([20, 10, 25, 5, 0], 'Warm', 'TX', 2, 'Webinar', ''),
    ('gloria escobar', 'gloria.escobar@buffalorivervet.example.com'): ([20, 10, 20, 5, 0], 'Warm', 'TX', 1, 'Show', '214-555-0163'),
    ('joy ewing', 'joy@cimarronvet.example.com'): ([20, 30, 10, 20, 0], 'Hot', 'OK', 7, 'Show', '405-555-0119'),
    ('lila ferris', 'lila.ferris@llanovet.example.com'): ([20, 10, 20, 15, 10], 'Warm', 'LA', 2, 'Both', '214-555-0167'),
    ('nora fontenot', 'nora.fontenot@cypresscreekvet.example.com'): ([20, 0, 10, 0, 0], 'Cool', 'OK', 32, 'Webinar', ''),
    ('paige fulton', 'pfulton@sugarmillvet.example.com'): ([20, 0, 20, 20, 10], 'Warm', 'TX', 32, 'Webinar', ''),
    ('amos gaines', 'amos.gaines@bayoubendvet.example.com'): ([20, 10, 10, 15, 10], 'Warm', 'LA', 2, 'Webinar', ''),
    ('otis hargrove', 'ohargrove@caddolakevet.example.com'): ([0, 20, 10, 0, 15], 'Out of area', 'KS', 25, 'Show', '504-555-0170'),
    ('cole hobart', ''): ([20, 30, 25, 5, 15], 'Hot', 'LA', 7, 'Show', '504-555-0195'),
    ('rick holloway', 'rick@deltavet.example.com'): ([20, 30, 10, 15, 0], 'Warm', 'AR', 4, 'Webinar', ''),
    ('dwight ibarra', 'dwight@heronbayvet.example.com'): ([20, 0, 20, 15, 0], 'Warm', 'LA', 32, 'Show', '214-555-0184'),
    ('greta irwin', 'office@magnoliastreetvet.example.com'): ([20, 30, 10, 5, 20], 'Hot', 'NM', 3, 'Both', '504-555-0108'),
    ('lyle jarvis', 'lyle.jarvis@junipervet.example.com'): ([20, 20, 20, 5, 10], 'Warm', 'LA', 18, 'Webinar', ''),
    ('todd kessler', 'todd.kessler@cottonwoodvet.example.com'): ([0, 20, 10, 0, 15], 'Out of area', 'CO', 25, 'Both', '501-555-0107'),
    ('clay kowalski', 'clay@elmforkvet.example.com'): ([20, 0, 20, -10, 10], 'Cool', 'OK', 26, 'Webinar', ''),
    ('leigh landry', 'leigh@ozarkridgevet.example.com'): ([20, 20, 20, 5, 15], 'Hot', 'LA', 14, 'Show', '505-555-0134'),
    ('patrick lindqvist', 'plindqvist@bayoubendvet.example.com'): ([20, 10, 10, 15, 15], 'Warm', 'LA', 2, 'Show', '504-555-0114'),
    ('gil lomax', 'gil@palodurovet.example.com'): ([20, 30, 25, -10, 10], 'Warm', 'TX', 8, 'Webinar', ''),
    ('carmen madsen', 'carmen.madsen@prairiewindvet.example.com'): ([0, 30, 20, 15, 0], 'Out of area', 'CO', 5, 'Both', '504-555-0108'),
    ('ned mayfield', ''): ([20, 30, 25, 0, 15], 'Hot', 'TX', 3, 'Show', '405-555-0160'),
    ('luis mbeki', 'lmbeki@redrivervet.example.com'): ([20, 30, 10, -10, 15], 'Warm', 'NM', 8, 'Show', '504-555-0137'),
    ('raul nakamura', 'raul@pecangrovevet.example.com'): ([20, 20, 10, 5, 0], 'Warm', 'TX', 14, 'Webinar', ''),
    ('ines nance', 'inance@arbucklevet.example.com'): ([20, 30, 20, 5, 10], 'Hot', 'TX', 4, 'Webinar', ''),
    ('mona navarro', 'mona@brazosvalleyvet.example.com'): ([20, 30, 25, 0, 10], 'Hot', 'NM', 3, 'Both', '505-555-0166'),
    ('amber norwood', 'anorwood@cimarronvet.example.com'): ([20, 30, 0, 20, 0], 'Warm', 'OK', 7, 'Webinar', ''),
    ('ward okafor', 'wokafor@lonecedarvet.example.com'): ([20, 20, 10, 15, 10], 'Warm', 'OK', 18, 'Both', '512-555-0110'),
    ('vince ortega', 'vince.ortega@enchantedrockvet.example.com'): ([20, 30, 10, 15, 0], 'Warm', 'LA', 9, 'Both', '505-555-0120'),
    ('dina pacheco', 'office@magnoliastreetvet.example.com'): ([20, 30, 0, 5, 0], 'Warm', 'NM', 3, 'Webinar', ''),
    ('vera peltier', 'vera.peltier@oakhillvet.example.com'): ([0, 20, 25, 15, 0], 'Out of area', 'CO', 14, 'Show', '504-555-0199'),
    ('zoe pickett', 'zoe@brazosvalleyvet.example.com'): ([20, 30, 25, 0, 20], 'Hot', 'NM', 3, 'Both', '405-555-0132'),
    ('iris quarles', 'iquarles@pecangrovevet.example.com'): ([20, 20, 25, 5, 0], 'Warm', 'TX', 14, 'Webinar', ''),
    ('thea quintero', 'thea@pontchartrainvet.example.com'): ([20, 20, 25, 5, 15], 'Hot', 'TX', 14, 'Show', '214-555-0152'),
    ('june reese', 'june@palodurovet.example.com'): ([20, 30, 10, -10, 15], 'Warm', 'TX', 8, 'Both', '505-555-0100'),
    ('maria salas', 'msalas@turnerfallsvet.example.com'): ([20, 10, 10, 15, 0], 'Warm', 'TX', 1, 'Webinar', ''),
    ('ivy sealy', 'ivy.sealy@turnerfallsvet.example.com'): ([20, 10, 25, 15, 10], 'Hot', 'TX', 1, 'Webinar', ''),
    ('wade sibley', 'wade@oakhillvet.example.com'): ([0, 20, 25, 15, 0], 'Out of area', 'CO', 14, 'Webinar', ''),
    ('hector sorensen', 'hsorensen@desertwillowvet.example.com'): ([20, 20, 10, 0, 10], 'Warm', 'TX', 14, 'Webinar', ''),
    ('moss stroud', 'moss.stroud@guadalupevet.example.com'): ([20, 0, 20, 0, 20], 'Warm', 'TX', 26, 'Both', '405-555-0161'),
    ('keith thorne', 'keith@pineywoodsvet.example.com'): ([0, 30, 25, 20, 0], 'Out of area', 'KS', 10, 'Show', '512-555-0114'),
    ('colleen tillman', 'ctillman@mockingbirdvet.example.com'): ([20, 10, 25, 5, 20], 'Hot', 'TX', 2, 'Both', '504-555-0140'),
    ('jean tolbert', 'jean@guadalupevet.example.com'): ([20, 0, 20, 0, 10], 'Cool', 'TX', 26, 'Webinar', ''),
    ('kay trahan', 'kay@greenbriarvet.example.com'): ([20, 20, 25, 20, 0], 'Hot', 'LA', 11, 'Show', '501-555-0140'),
    ('felix underhill', 'funderhill@hondovet.example.com'): ([20, 20, 25, 15, 10], 'Hot', 'TX', 11, 'Webinar', ''),
    ('burt upton', 'bupton@caddolakevet.example.com'): ([0, 20, 25, 0, 0], 'Out of area', 'KS', 25, 'Show', '505-555-0133'),
    ('saul valdez', 'saul@cypresscreekvet.example.com'): ([20, 0, 20, 0, 0], 'Cool', 'OK', 32, 'Webinar', ''),
    ('jonah varga', 'jonah.varga@sabinevet.example.com'): ([20, 10, 20, 15, 10], 'Warm', 'OK', 1, 'Webinar', ''),
    ('abel villarreal', 'abel.villarreal@deltavet.example.com'): ([20, 30, 20, 15, 0], 'Hot', 'AR', 4, 'Webinar', ''),
    ('brent weems', 'brent@sandiavet.example.com'): ([20, 10, 10, 20, 15], 'Warm', 'TX', 2, 'Show', '405-555-0121'),
    ('ezra whitlock', 'ewhitlock@mesavistavet.example.com'): ([20, 20, 20, 20, 0], 'Hot', 'OK', 25, 'Webinar', ''),
    ('ruth winslow', 'ruth.winslow@buffalorivervet.example.com'): ([20, 10, 25, 5, 0], 'Warm', 'TX', 1, 'Webinar', ''),
    ('dale yarbrough', 'dale@ozarkridgevet.example.com'): ([20, 20, 10, 5, 20], 'Warm', 'LA', 14, 'Both', '504-555-0115'),
    ('dale yarbrough', 'dale.yarbrough@lonecedarvet.example.com'): ([20, 20, 20, 15, 10], 'Hot', 'OK', 18, 'Webinar', ''),
    ('beth yates', 'beth.yates@mapleforkvet.example.com'): ([0, 30, 0, 0, 10], 'Out of area', 'CO', 10, 'Webinar', ''),
    ('dana yoder', 'dyoder@crescentcityvet.example.com'): ([20, 10, 10, 20, 0], 'Warm', 'TX', 2, 'Webinar', ''),
    ('trent zamora', 'trent.zamora@riobravovet.example.com'): ([20, 30, 10, 20, 15], 'Hot', 'LA', 4, 'Both', '501-555-0199'),
}
OUT = [
    ('bree pruitt', 'bree@mesavistavet.example.com', 'DNC'),
    ('hugh larkin', 'hugh.larkin@bluebonnetvet.example.com', 'DNC'),
    ('opal rankin', '', 'NO-CONTACT'),
    ('drew kimball', '', 'NO-CONTACT'),
    ('boyd vance', '', 'NO-CONTACT'),
    ('neil oakes', 'noakes@enchantedrockvet.example.com', 'DNC'),
    ('lupe farrow', 'lupe.farrow@fourcornersvet.example.com', 'DNC'),
    ('omar bledsoe', 'obledsoe@windmillvet.example.com', 'DNC'),
    ('renee vickers', 'renee@bluebonnetvet.example.com', 'DNC'),
    ('aisha mercado', 'aisha.mercado@fourcornersvet.example.com', 'DNC'),
    ('sloane barrera', 'sloane.barrera@gulfplains.example.edu', 'NOT-PROSPECT'),
    ('tobias wren', 'tobias.wren@gulfplains.example.edu', 'NOT-PROSPECT'),
    ('corinne maddox', 'corinne.maddox@paddockpharma.example.com', 'NOT-PROSPECT'),
    ('reid salter', 'reid.salter@houndsoft.example.com', 'NOT-PROSPECT'),
    ('mina torres', 'mina.torres@petslot.example.com', 'NOT-PROSPECT'),
    ('test test', 'test.test@petslot.example.com', 'NOT-PROSPECT'),
]
RECEIVED = 113
SUMMARY = [("webinar records", r"webinar", 66), ("show records", r"show|scan|expo", 47), ("Hot", r"\bhot\b", 21), ("Warm", r"\bwarm\b", 30),
           ("Cool", r"\bcool\b", 6), ("Out of area", r"out.of.area", 13)]


def _name(text):
    return re.sub(r"[^a-z ]", "", re.sub(r"^dr\.?\s+|,?\s*\bdvm\b", "", str(text or "").strip().lower())).strip()


def _mail(text):
    text = str(text or "").strip().lower().removeprefix("mailto:")
    return text if "@" in text else ""


def _sheet(book, word):
    """The visible sheet whose name is, or at least holds, the word."""
    names = [n for n in book.sheetnames if n.strip().lower() == word] or [n for n in book.sheetnames if word in n.lower()]
    if not names:
        raise KeyError(f"no sheet named {word!r}; there are {book.sheetnames}")
    return book[names[0]]


def _rows(ws, *needed):
    """(header row number, {header: column}, rows as lists) of the table whose header holds all `needed` words."""
    grid = [list(r) for r in ws.iter_rows(values_only=True)]
    for n, row in enumerate(grid[:15]):
        heads = {re.sub(r"[^a-z]+", " ", str(v).lower()).strip(): i for i, v in enumerate(row) if v is not None}
        if all(any(w in h for h in heads) for w in needed):
            body = [r for r in grid[n + 1:] if any(v not in (None, "") for v in r)]
            return n + 1, heads, body
    raise KeyError(f"sheet {ws.title!r} has no header row with {needed}")


def _column(heads, *patterns):
    for pattern in patterns:
        for head, index in heads.items():
            if re.search(pattern, head):
                return index
    raise KeyError(f"no column like {patterns[0]!r}; there are {list(heads)}")


def _leads(ctx):
    """The lead rows as dicts, keyed by (name, e-mail); plus them in order."""
    ws = _sheet(ctx.workbook(FILE), "leads")
    _, heads, body = _rows(ws, "mail", "score")
    at = {"first": _column(heads, r"^first"), "last": _column(heads, r"^last|^surname"), "email": _column(heads, r"e ?mail"),
          "phone": _column(heads, r"phone|mobile"), "state": _column(heads, r"^state$", r"^state (?!p)"), "vets": _column(heads, r"^(number of |no of )?vets", r"vet.*(count|number)|doctors|dvms"),
          "source": _column(heads, r"source"), "score": _column(heads, r"^(total )?score$", r"score"), "segment": _column(heads, r"segment")}
    for part in PARTS:
        at[part + " pts"] = _column(heads, rf"^{part}.*(pts|points|score)", rf"(pts|points).*{part}")
    rows = [{k: r[i] for k, i in at.items()} for r in body]
    rows = [r for r in rows if r["first"] not in (None, "") and r["last"] not in (None, "")]
    for r in rows:
        r["key"] = (_name(f"{r['first']} {r['last']}"), _mail(r["email"]))
    return rows


def _known(ctx):
    """Lead rows that stand for an expected person; fails the caller (ValueError) where people are missing."""
    rows = _leads(ctx)
    have = {r["key"]: r for r in rows if r["key"] in LEADS}
    if len(have) < 0.8 * len(LEADS):
        raise ValueError(f"only {len(have)} of {len(LEADS)} expected leads are in the sheet")
    return have


def _verdict(ctx, wrong, good, sheet="Leads"):
    if wrong:
        return ctx.failed(f"{len(wrong)} wrong, for example {'; '.join(wrong[:4])}", file=FILE, anchor=sheet)
    return ctx.passed(good, file=FILE, anchor=sheet)


def one_row_per_person(ctx):
    """The set of people equals the expected one, each there once."""
    keys = [r["key"] for r in _leads(ctx)]
    missing = [f"missing {n}" for n, m in LEADS if (n, m) not in keys]
    extra = [f"not expected {n} {m}" for n, m in keys if (n, m) not in LEADS]
    twice = [f"twice {k[0]}" for k in sorted(set(keys)) if keys.count(k) > 1]
    return _verdict(ctx, missing + extra + twice, f"{len(keys)} people, each once")


def no_do_not_contact(ctx):
    """Nobody whose address or domain is on the list (read from the inputs)."""
    entries = [line.split("#")[0].strip().lower() for line in (ctx.inputs / "do_not_contact.txt").read_text().splitlines()]
    entries = [e for e in entries if e]
    rows = _leads(ctx)
    if not rows:
        return ctx.failed("the sheet has no leads", file=FILE)
    wrong = [r["key"][1] for r in rows for e in entries if r["key"][1] == e or (e.startswith("@") and r["key"][1].endswith(e))]
    barred = {n for n, _, why in OUT if why == "DNC"}
    wrong += [r["key"][0] for r in rows if not r["key"][1] and r["key"][0] in barred]
    return _verdict(ctx, wrong, f"none of {len(entries)} entries is among the leads")


def points(ctx):
    """The five points of every lead."""
    wrong = []
    have = _known(ctx)
    for key, (expected, *_rest) in LEADS.items():
        if key not in have:
            wrong.append(f"{key[0]} is missing")
            continue
        got = [ctx.number(have[key][p + " pts"]) or 0 for p in PARTS]
        wrong += [f"{key[0]}: {p} is {g:g}, not {e}" for p, g, e in zip(PARTS, got, expected) if abs(g - e) > 0.01]
    return _verdict(ctx, wrong, "all points agree")


def segments(ctx):
    """The segment of every lead."""
    have = _known(ctx)
    squeeze = lambda s: re.sub(r"[^a-z]", "", str(s or "").lower())
    wrong = [f"{k[0]}: {have[k]['segment'] if k in have else 'missing'}, not {v[1]}" for k, v in LEADS.items()
             if k not in have or squeeze(have[k]["segment"]) != squeeze(v[1])]
    return _verdict(ctx, wrong, "all segments agree")


def score_formulas(ctx):
    """Score cells are formulas, and their values are the sums of the points beside them."""
    ws = _sheet(ctx.formulas(FILE), "leads")
    _, heads, body = _rows(ws, "mail", "score")
    at = _column(heads, r"^(total )?score$", r"score")
    first = _column(heads, r"^first")
    plain = [str(r[first]) for r in body if r[first] and not str(r[at]).startswith("=")]
    rows = _leads(ctx)
    off = [r["key"][0] for r in rows if abs((ctx.number(r["score"]) or 0) - sum(ctx.number(r[p + " pts"]) or 0 for p in PARTS)) > 0.01]
    if not rows:
        return ctx.failed("the sheet has no leads", file=FILE)
    return _verdict(ctx, [f"no formula for {n}" for n in plain] + [f"score is not the sum for {n}" for n in off], f"{len(body)} formulas")


def sorted_by_score(ctx):
    """Scores never rise from one row to the next."""
    rows = _leads(ctx)
    scores = [ctx.number(r["score"]) for r in rows]
    if len(scores) < 50 or None in scores:
        return ctx.failed(f"{len(scores)} scores, some without a number" if scores else "no scores", file=FILE)
    wrong = [f"{rows[i + 1]['key'][0]} with {b:g} after {a:g}" for i, (a, b) in enumerate(zip(scores, scores[1:])) if b > a + 0.001]
    return _verdict(ctx, wrong, "highest first")


def sources(ctx):
    """Webinar, Show or Both of every lead."""
    have = _known(ctx)
    def kind(text):
        text = str(text or "").lower()
        web, show = "web" in text, bool(re.search(r"show|scan|expo|trade", text))
        return "Both" if "both" in text or (web and show) else "Webinar" if web else "Show" if show else text
    wrong = [f"{k[0]}: {have[k]['source'] if k in have else 'missing'}, not {v[4]}" for k, v in LEADS.items() if k not in have or kind(have[k]["source"]) != v[4]]
    return _verdict(ctx, wrong, "all sources agree")


def normalised(ctx):
    """States, numbers of vets and phones of every lead, in the asked form."""
    wrong = []
    for key, row in _known(ctx).items():
        _, _, state, vets, _, phone = LEADS[key]
        if str(row["state"] or "").strip() != state:
            wrong.append(f"{key[0]}: state {row['state']!r}, not {state}")
        raw = row["vets"]
        blank = raw in (None, "") or str(raw).strip() == ""
        if blank != (vets is None) or (not blank and (not re.fullmatch(r"\d+(\.0+)?", str(raw).strip()) or float(raw) != vets)):
            wrong.append(f"{key[0]}: vets {raw!r}, not {vets}")
        if str(row["phone"] or "").strip() != phone:
            wrong.append(f"{key[0]}: phone {row['phone']!r}, not {phone!r}")
    return _verdict(ctx, wrong, "states, vets and phones agree")


def nothing_lost(ctx):
    """Leads + removed = received, and each person taken out stands in Removed under the right code."""
    leads = _leads(ctx)
    _, heads, body = _rows(_sheet(ctx.workbook(FILE), "removed"), "reason")
    code = _column(heads, r"reason.*code", r"^code", r"reason")
    full = [i for h, i in heads.items() if re.search(r"name|person|who|contact", h) and "file" not in h] or list(heads.values())
    body = [r for r in body if r[code] not in (None, "")]
    wrong = [] if len(leads) + len(body) == RECEIVED else [f"{len(leads)} leads + {len(body)} removed is not {RECEIVED}"]
    squeeze = lambda s: re.sub(r"[^a-z]", "", str(s or "").lower())
    for who, _, why in OUT:
        rows = [r for r in body if set(who.split()) <= set(_name(" ".join(str(r[i] or "") for i in full)).split())]
        if not any(squeeze(why) in squeeze(r[code]) for r in rows):
            wrong.append(f"{who} is not in Removed as {why}")
    return _verdict(ctx, wrong, f"{len(leads)} + {len(body)} = {RECEIVED}", "Removed")


def summary_counts(ctx):
    """Each count stands in the row (or, in a cross table, the column) of its label."""
    grid = [list(r) for r in _sheet(ctx.workbook(FILE), "summary").iter_rows(values_only=True)]
    wrong = []
    for label, pattern, value in SUMMARY:
        near = []
        for i, row in enumerate(grid):
            for j, cell in enumerate(row):
                if isinstance(cell, str) and len(cell) < 60 and re.search(pattern, cell.lower()):
                    below = [grid[i + 1][j]] if i + 1 < len(grid) and j < len(grid[i + 1]) else []
                    near += [ctx.number(v) for v in row[j + 1:] + below] + [float(n) for n in re.findall(r"\d+", cell)]
        if value not in near:
            wrong.append(f"no {value} beside {label}")
    return _verdict(ctx, wrong, "all counts are there", "Summary")


def header_tools(ctx):
    """A frozen header, a worksheet filter or a table: one of them is enough to work with 70 rows."""
    ws = _sheet(ctx.formulas(FILE), "leads")
    seen = [name for name, there in (("frozen rows", ws.freeze_panes), ("a filter", ws.auto_filter.ref), ("a table", ws.tables)) if there]
    return _verdict(ctx, [] if seen else ["neither frozen rows nor a filter"], ", ".join(seen))


def invented_address(ctx):
    """Every e-mail of the leads stands in an export."""
    raw = "".join((ctx.inputs / n).read_bytes().decode("cp1252").lower() for n in ("webinar_signups.csv", "tradeshow_scans.csv"))
    rows = _leads(ctx)
    if not rows:
        return ctx.failed("the sheet has no leads", file=FILE)
    wrong = [r["key"][1] for r in rows if r["key"][1] and r["key"][1] not in raw]
    return _verdict(ctx, wrong, "every address stands in an export")
