"""Checks of the case study: the figures and corrections it must carry, and what must not slip through."""

import re

FILE, META = "case_study.docx", "meta.txt"
HEADINGS = ["the customer", "the problem", "the change", "the results", "what comes next"]
APPROVED = ["I used to find out about a warm freezer from the smell. Now I find out from my phone.",
            "The auditor asked for six months of temperatures, and we had them on the screen before he had sat down.",
            "It is the first piece of software that my night porters have asked me to keep."]


def _plain(text):
    for old, new in (("\u00a0", " "), ("\u202f", " "), ("’", "'"), ("‘", "'"), ("–", "-"), ("—", "-"), ("‑", "-")):
        text = text.replace(old, new)
    return text


def _blocks(ctx):
    """('heading' | 'title' | 'text' | 'row', text) in the order of the document; a table row is a tuple of cells."""
    document = ctx.document(FILE)
    out, seen = [], {p._p: p for p in document.paragraphs}
    tables = {t._tbl: t for t in document.tables}
    for element in document.element.body.iterchildren():
        if element in seen:
            p = seen[element]
            name = (p.style.name if p.style is not None else "") or ""
            kind = "title" if name == "Title" else "heading" if name.lower().startswith("heading") else "text"
            if p.text.strip():
                out.append((kind, _plain(p.text).strip()))
        elif element in tables:
            for row in tables[element].rows:
                cells = []
                for cell in row.cells:
                    if not any(cell._tc is c._tc for c in cells):
                        cells.append(cell)
                out.append(("row", tuple(_plain(c.text).strip() for c in cells)))
    if not out:
        raise ValueError("the document is empty")
    return out


def _text(ctx):
    return "\n".join(" | ".join(t) if k == "row" else t for k, t in _blocks(ctx))


def _body(ctx):
    """The text, if it is about this customer and long enough to be judged for what it leaves out."""
    text = _text(ctx)
    if len(text.split()) < 400 or "Marlow" not in text:
        raise ValueError(f"{len(text.split())} words; this is not the case study")
    return text


def _all(ctx, wanted, text):
    wrong = [name for name, pattern in wanted.items() if not re.search(pattern, text, re.I | re.S)]
    return ctx.failed(f"not found: {', '.join(wrong)}", file=FILE) if wrong else ctx.passed(f"found: {', '.join(wanted)}", file=FILE)


def length(ctx):
    words = sum(len(w.split()) for k, t in _blocks(ctx) for w in (t if k == "row" else (t,)))
    seen = f"{words} words"
    return ctx.passed(seen, file=FILE) if 750 <= words <= 900 else ctx.failed(seen, file=FILE)


def key_figures(ctx):
    text = _body(ctx)
    return _all(ctx, {"£48,600": r"£ ?48[,. ]?600", "£17,010": r"£ ?17[,. ]?010", "65 per cent": r"\b65 ?(%|per ?cent)|sixty-five per ?cent", "21 hours": r"\b21\b.{0,25}hours|hours.{0,60}\b21\b|twenty-one hours",
                      "6 hours": r"(\b6|\bsix)\b.{0,25}hours?|hours.{0,80}\b(6|six)\b|hours? (a|per) week to (6|six)\b", "47 minutes": r"\b47\b", "9 minutes": r"\b(9|nine)\b( ?minutes|.{0,40}median)|\b47\b.{0,120}\b(9|nine)\b"}, text)


def off_the_record(ctx):
    text = _body(ctx) + "\n" + "\n".join(_plain(p.read_text(encoding="utf-8-sig")) for p in ctx.files(META))
    barred = r"polarex|insur\w*|\b1,?150\b|eleven hundred|halden|supermarket|\bpete\b|garrow|surgery|\bhis back\b|had (an|the) operation|gone home ill|\b(ill|sick|unwell)\b|(previous|former|earlier|old|other|another|first|different) (supplier|provider|vendor|manufacturer)\b|plugged? in a laptop|tried another|seven months"
    found = sorted({m[0].lower() for m in re.finditer(barred, text, re.I)})
    return ctx.failed(f"found {found}", file=FILE) if found else ctx.passed("none of it", file=FILE)


def corrections_made(ctx):
    text = _body(ctx)
    old = re.findall(r"five sites|5 sites|70 ?%|(?:70|seventy) per ?cent|186 ?(?:%|per)|£ ?6,?000|six thousand pounds|twenty hours", text, re.I)
    if old:
        return ctx.failed(f"uncorrected: {sorted(set(old))}", file=FILE)
    return _all(ctx, {"four sites": r"\b(four|4)\b.{0,20}sites|sites.{0,12}\bfour\b|Kelby.{0,80}Wexmoor", "March 2025": r"March 2025", "£5,400": r"£ ?5[,. ]?400"}, text)


def quotations(ctx):
    """What stands in double quotation marks: approved sentences only (a final comma and a divided quotation count)."""
    text = _body(ctx)
    squeeze = lambda t: re.sub(r"[^a-z ]", "", re.sub(r"\s+", " ", _plain(t).lower())).strip()
    found = re.findall(r"“([^”]*)”|\"([^\"\n]*)\"|„([^“]*)“|«([^»]*)»", text)
    # single marks at the start of words, closed at the end of words, with three words or more between
    singles = re.findall(r"(?<![\w])'([A-Z][^'\n]*(?:'\w[^'\n]*)*)'(?!\w)", re.sub(r"[“”\"]", "", text))
    passages = [squeeze(next(x for x in f if x)) for f in found if any(f)] + [squeeze(s) for s in singles if len(s.split()) > 2]
    approved = [squeeze(q) for q in APPROVED]
    foreign = [p for p in passages if not any(p in q for q in approved) and p not in ("at a glance", "")]
    marked = " ".join(passages + [squeeze(t) for k, t in _blocks(ctx) if k == "text" and squeeze(t) in approved])  # a block quotation needs no marks
    whole = sum(q in marked or all(any(part in p for p in passages) for part in (squeeze(x) for x in re.split(r"[.,] ", raw)) if part) for q, raw in zip(approved, APPROVED))
    if foreign:
        return ctx.failed(f"not approved: {foreign[0][:120]!r}", file=FILE)
    return ctx.passed(f"{whole} approved sentences", file=FILE) if whole >= 2 else ctx.failed(f"{whole} approved sentences quoted in full", file=FILE)


def sections(ctx):
    blocks = _blocks(ctx)
    norm = lambda t: t.lower().strip(" .:")
    heads = [(i, norm(t)) for i, (k, t) in enumerate(blocks) if k == "heading" and norm(t) in HEADINGS]
    if [h for _, h in heads] != HEADINGS:
        return ctx.failed(f"headings found: {[h for _, h in heads]}", file=FILE)
    ends = [i for i, _ in heads[1:]] + [len(blocks)]
    thin = [h for (i, h), end in zip(heads, ends) if sum(len(t.split()) for k, t in blocks[i + 1:end] if k == "text") < 25]
    return ctx.failed(f"hardly any text below {thin}", file=FILE) if thin else ctx.passed("five sections", file=FILE)


def at_a_glance(ctx):
    blocks = _blocks(ctx)
    first = next((i for i, (k, t) in enumerate(blocks) if k == "heading" and t.lower().strip(" .:") in HEADINGS), len(blocks))
    rows = [t for k, t in blocks[:first] if k == "row" and len(t) == 2]
    wanted = {"customer": r"Marlow & Dunne", "sites": r"\b(four|4)\b|Kelby.*Wexmoor", "sensors": r"\b112\b", "in use since": r"March 2025", "spoilage": r"(?s)(?=.*48[,.]?600)(?=.*17[,.]?010)(?=.*65 ?(%|per ?cent))"}
    wrong = [label for label, pattern in wanted.items() if not any(label in a.lower() and re.search(pattern, b, re.I) for a, b in rows)]
    return ctx.failed(f"not right or not there: {wrong}", file=FILE) if wrong else ctx.passed(f"{len(rows)} rows", file=FILE)


def key_phrase(ctx):
    blocks = _blocks(ctx)
    phrase = r"cold[- ]store monitoring"
    text = _text(ctx)
    count = len(re.findall(phrase, text, re.I))
    first = next((i for i, (k, t) in enumerate(blocks) if k == "heading" and t.lower().strip(" .:") in HEADINGS), 0)
    top = [t for k, t in blocks[:first] if k != "row"]
    after = max((i + 1 for i, (k, _) in enumerate(blocks[:first]) if k == "row"), default=first)
    running = " ".join(" ".join(t for k, t in blocks[after:] if k == "text").split()[:100])
    wrong = [] if 3 <= count <= 6 else [f"{count} times"]
    wrong += [] if any(re.search(phrase, x, re.I) and re.search(r"Marlow (&|and) Dunne", x) for x in top) else [f"the title is {top[:1]}"]
    wrong += [] if re.search(phrase, running, re.I) else ["not within the first 100 words"]
    return ctx.failed("; ".join(wrong), file=FILE) if wrong else ctx.passed(f"{count} times", file=FILE)


def story(ctx):
    """The three scenes, with most of what makes them vivid."""
    text = _body(ctx)
    scenes = {"a Sunday in August": r"Sunday.{0,80}August|August.{0,80}Sunday", "2.40am": r"\b0?2[.:]40|twenty to three", "40 minutes": r"\b40 ?minutes|forty minutes|40-minute"}
    details = {"ice": r"\bice\b|\bicy\b|\biced\b", "1.4 tonnes": r"1\.4 tonnes|1,400 ?k", "£9,200": r"£ ?9[,.]?200", "compressor": r"compressor",
               "25 minutes": r"\b25 ?minutes|twenty-five minutes|25-minute", "a day and a half": r"day and a half|one[- ]and[- ]a[- ]half|1\.5 days"}
    lacks = [k for k, pattern in details.items() if not re.search(pattern, text, re.I)]
    return ctx.failed(f"not found: {', '.join(lacks)}", file=FILE) if len(lacks) > 2 else _all(ctx, scenes, text)


def wording(ctx):
    text = _body(ctx)
    found = re.findall(r"revolutionary|game-?\s?changing|cutting-edge|seamless\w*|leverag\w*|\bsolutions?\b|\bunlock\w*|state-of-the-art|world-class|!", text, re.I)
    last = [t for k, t in _blocks(ctx) if k != "row"][-1]
    wrong = [f"found {sorted(set(found))}"] if found else []
    if not re.search(r"See it with your own doors: book a demo at\s+(https://)?frostline\.example\.com/demo", last):
        wrong.append(f"the last paragraph is {last[:80]!r}")
    return ctx.failed("; ".join(wrong), file=FILE) if wrong else ctx.passed("as the template says", file=FILE)


def meta(ctx):
    lines = [line.strip() for line in ctx.one(META).read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    title = next((x.split(":", 1)[1].strip() for x in lines if x.lower().startswith("title:")), "")
    description = next((x.split(":", 1)[1].strip() for x in lines if x.lower().startswith("description:")), "")
    wrong = []
    if not 0 < len(title) <= 60 or not re.search(r"cold[- ]store monitoring", title, re.I):
        wrong.append(f"title of {len(title)} characters: {title!r}")
    if not 120 <= len(description) <= 155 or not re.search(r"Marlow (&|and) Dunne", description) or not re.search(r"\d", description):
        wrong.append(f"description of {len(description)} characters: {description[:80]!r}")
    return ctx.failed("; ".join(wrong), file=META) if wrong else ctx.passed(f"{len(title)} and {len(description)} characters", file=META)


def vans(ctx):
    blocks = _blocks(ctx)
    at = [i for i, (k, t) in enumerate(blocks) if k == "heading" and "what comes next" in t.lower()]
    text = " ".join(t for k, t in blocks[at[0]:] if k != "row")
    return _all(ctx, {"nine vans": r"\b(nine|9)\b.{0,25}vans"}, text)
