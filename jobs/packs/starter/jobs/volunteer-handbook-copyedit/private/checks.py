"""Checks of the copy-edited handbook. Each slip is (what must be gone, what may stand there instead)."""

import difflib
import re

FILE, LOG, DRAFT = "Volunteer_Handbook_edited.docx", "Change_log.xlsx", "Volunteer_Handbook_draft.docx"

SPELLING_GRAMMAR = [
    (r"up-dated", r"last (updated|revised) on"), (r"commentry", r"commentary"), (r"effects food", r"affects? food"), (r"irregardless", r"regardless of faith"),
    (r"authorized", r"authorised"), (r"recieve", r"receive a small grant"), (r"\balot\b", r"(a lot|many) of them"), (r"their for everybody", r"there for everybody"),
    (r"Kitchen are run", r"Kitchen is run"), (r"and your all", r"(you're|you are) all invited"), (r"under 18 need a", r"under 18 (needs|must have) a"),
    (r"references, we do", r"for references\b(?!, (we|you)\b)[^\n]{1,40}honest about"), (r"\bIts quick", r"It's quick|It is quick"), (r"\bisnt\b", r"(isn't|is not|is no) (a )?yellow"),
    (r"we use to fill", r"used to fill|we filled"), (r"tin's", r"rinse (\w+ )?tins"), (r"so does near", r"so do near"), (r"Complaint's", r"Complaints about"),
    (r"who meets", r"(who|which|they) meet\b"), (r"he or she is younger", r"(they are|they're|if|that person is|this person is) younger"),
]
NUMBERS = [
    (r"with 2 borrowed", r"two borrowed"), (r"62 ?%", r"62 per cent"), (r"one hundred and forty", r"\b140 volunteers"), (r"open 4 days", r"open four days"),
    (r"fifteen minutes", r"15 minutes"), (r"3 hours", r"three hours"), (r"twenty minutes", r"20 minutes"), (r"4 times", r"four times"), (r"(?m)(^|[.!?] )140 people", r"140|hundred and forty"),
    (r"5 ° ?C|5 C\b", r"(?<!7)5°C"), (r"75 (degrees|°)", r"75°C"), (r"45 pence", r"45p a mile"), (r"£12\.00", r"£12 a shift"), (r"£50\.00", r"£50 must"),
]
TIMES = [
    (r"14th|September,", r"14 September 2026"), (r"9\.00 ?am", r"from 9am"), (r"6pm ?[-–] ?9pm", r"6pm to 9pm"), (r"7\.00pm", r"at 7pm"), (r"12 noon", r"9\.30am to noon"), (r"10AM", r"10am to 2pm"),
]
WORDS = [
    (r"co-ordinator", r"coordinator"), (r"\be-mail", r"email it"), (r"wi-?\s?fi(?<!wifi)", r"wifi password"), (r"sign up sheet", r"sign-up sheet"), (r"Trustees", r"the trustees"),
    (r"\bclients?\b", r"our guests come"), (r"service user", r"if a guest is|if guests are|upset"), (r"\be\.g\.", r"(for example|such as|for instance)[ ,]+a stomach bug"),
    (r"\betc\b", r"and so on|rota"), (r"rings & watches", r"rings and watches"),
]
PUNCTUATION = [(r"farms, and", r"farms and markets"), (r"meat ?[-–—] ?never|meat [-–—]", r"meat[,;:.]? ?(and )?never"), (r"one-and-a-half", r"one and a half|1\.5|1½"), (r"[^\s]  +[^\s]", r"claim\. It")]
HEADINGS = ["Welcome aboard: a handbook for volunteers", "Our five teams", "On shift", "Waste and recycling"]


def _plain(text):
    """Straight quotes and single kinds of blanks, so that only words count."""
    return (text or "").replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"').replace("\u00a0", " ")


def _lines(document):
    """Body paragraphs and table cells, in order of the document."""
    out = []
    for element in document.element.body.iterchildren():
        if element.tag.endswith("}p"):
            out.append("".join(t.text or "" for t in element.iter() if t.tag.endswith("}t")))
        elif element.tag.endswith("}tbl"):
            for cell in (c for c in element.iter() if c.tag.endswith("}tc")):
                out.append("".join(t.text or "" for t in cell.iter() if t.tag.endswith("}t")))
    return out


def _draft(ctx):
    return ctx.document(ctx.inputs / DRAFT)


def _edited(ctx):
    """The edited text with straight quotes, one line a paragraph; ValueError where it is not this handbook."""
    text = _plain("\n".join(_lines(ctx.document(FILE))))
    draft = _plain("\n".join(_lines(_draft(ctx))))
    if not 0.9 <= len(text.split()) / len(draft.split()) <= 1.1:
        raise ValueError(f"the edited text has {len(text.split())} words, the draft {len(draft.split())}")
    return text


def _list(ctx, pairs):
    text = _edited(ctx)
    wrong = [f"still there: {re.search(bad, text)[0].strip()!r}" for bad, _ in pairs if re.search(bad, text)]
    wrong += [f"not found: {good}" for bad, good in pairs if not re.search(bad, text) and not re.search(good, text, re.I)]
    if wrong:
        return ctx.failed(f"{len(wrong)} of {len(pairs)}: {'; '.join(wrong[:5])}", file=FILE)
    return ctx.passed(f"all {len(pairs)} corrected", file=FILE)


def spelling_grammar(ctx):
    return _list(ctx, SPELLING_GRAMMAR)


def numbers_money(ctx):
    return _list(ctx, NUMBERS)


def times_dates(ctx):
    return _list(ctx, TIMES)


def house_words(ctx):
    verdict = _list(ctx, WORDS)
    if "Fenwick & Sons" not in _edited(ctx):
        return ctx.failed("the ampersand of Fenwick & Sons is gone", file=FILE)
    return verdict


def punctuation(ctx):
    return _list(ctx, PUNCTUATION)


def headings_sentence_case(ctx):
    """Exact headings, and the header of the table."""
    lines = [line.strip() for line in _edited(ctx).split("\n")]
    wrong = [h for h in [*HEADINGS, "Volunteers needed"] if h not in lines]
    return ctx.failed(f"not there: {wrong}", file=FILE) if wrong else ctx.passed("all in sentence case", file=FILE)


def _protected(ctx, start):
    """The draft's paragraph that begins so stands in the edited file, letter for letter (kinds of quotes aside)."""
    (want,) = [_plain(line).strip() for line in _lines(_draft(ctx)) if _plain(line).strip().startswith(start)]
    lines = [line.strip() for line in _edited(ctx).split("\n")]
    if want in lines:
        return ctx.passed(want[:80], file=FILE)
    near = difflib.get_close_matches(want, lines, 1, 0.3)
    return ctx.failed(f"changed: {near[0][:300] if near else 'not there'}", file=FILE)


def quotation_untouched(ctx):
    return _protected(ctx, '"I didn')


def notice_untouched(ctx):
    return _protected(ctx, "FOOD SAFETY NOTICE")


def facts_not_settled(ctx):
    """Both sides of each contradiction are still there."""
    text = _edited(ctx)
    bullets = [b for b in ("Cooking:", "Welcome:", "Drivers:", "Garden:") if b in text]
    wanted = {"five teams": r"five teams(.|\n)*one of five teams", "Tuesday in the text": r"On Tuesdays,? the doors open at 10am,? and the last meal is served at 1\.30pm",
              "Tuesday in the table": r"9\.30 ?am ?(to|-|–|until) ?(12 )?noon", "supper": r"Friday,? 5(th)? December\b", "Joan's first number": r"01632 ?960 ?114", "Joan's second number": r"01632 ?960 ?141"}
    wrong = [name for name, pattern in wanted.items() if not re.search(pattern, text, re.I)]
    wrong += [] if len(bullets) == 4 else [f"teams listed: {bullets}"]
    return ctx.failed(f"changed: {wrong}", file=FILE) if wrong else ctx.passed("all four contradictions stand", file=FILE)


def layout_kept(ctx):
    """Counts of headings, bullets, table and shading equal those of the draft."""
    def shape(document):
        styles = [p.style.name for p in document.paragraphs if p.text.strip()]
        return {"headings": sum(s.startswith("Heading") for s in styles), "bullets": sum(s.startswith("List") for s in styles), "title": styles.count("Title"),
                "tables": [(len(t.rows), len(t.columns)) for t in document.tables], "shaded": sum("w:shd" in p._p.xml and "NOTICE" in p.text for p in document.paragraphs)}
    want, got = shape(_draft(ctx)), shape(ctx.document(FILE))
    wrong = [f"{k}: {got[k]}, in the draft {want[k]}" for k in want if want[k] != got[k]]
    return ctx.failed("; ".join(wrong), file=FILE) if wrong else ctx.passed(str(got), file=FILE)


def clean_file(ctx):
    """No revision marks, no comment references."""
    xml = ctx.document(FILE).element.xml
    marks = [m for m in ("w:ins ", "w:del ", "w:moveFrom ", "w:commentReference", "w:rPrChange", "w:pPrChange") if f"<{m}" in xml]
    return ctx.failed(f"holds {marks}", file=FILE) if marks else ctx.passed("clean", file=FILE)


def _sheet(ctx, word):
    book = ctx.workbook(LOG)
    names = [n for n in book.sheetnames if word in n.lower()]
    if not names:
        raise KeyError(f"no sheet {word!r}; there are {book.sheetnames}")
    return [["" if v is None else str(v).strip() for v in row] for row in book[names[0]].iter_rows(values_only=True)]


OLD = r"original|before|draft|was\b|from\b|\bold\b|wrong|error|source|said|printed|existing"
NEW = r"correct|after|edited|revised|now\b|\bnew\b|changed? to|^to\b|replace|amended|should|final"
OTHER = r"\bno\b|^#|number|rule|why|reason|note|comment|section|where|place|page|type"


def _log_rows(ctx):
    """Pairs of (original, correction): the columns are found by their headers."""
    rows = _sheet(ctx, "change")
    for top, row in enumerate(rows[:8]):
        heads = [(i, c.lower()) for i, c in enumerate(row) if c and not re.search(OTHER, c, re.I)]
        new = [i for i, h in heads if re.search(NEW, h)]
        old = [i for i, h in heads if re.search(OLD, h) and i not in new[-1:]]
        if old and new:
            return [(r[old[0]], r[new[-1]]) for r in rows[top + 1:] if r[old[0]] or r[new[-1]]]
    raise KeyError("no header with original and corrected wording")


def log_true(ctx):
    """Original wording in the draft, corrected wording in the edited file, at least 45 rows."""
    body = _log_rows(ctx)
    squeeze = lambda t: re.sub(r"[\W_]+", " ", _plain(t).lower()).strip() or _plain(t).strip()
    draft, edited = squeeze("\n".join(_lines(_draft(ctx)))), squeeze(_edited(ctx))
    parts = lambda t: [squeeze(p) for p in re.split(r"…|\.\.\.|\[…\]|\n", re.sub(r"\(.*?\)", "", t)) if squeeze(p)]
    off = [old[:40] for old, new in body if not all(p in draft for p in parts(old)) or old == new]
    off += [new[:40] for _, new in body if not all(p in edited for p in parts(new)) and not re.search(r"delet|remov|space", new, re.I)]
    if len(body) < 45:
        return ctx.failed(f"{len(body)} corrections listed", file=LOG, anchor="Changes")
    if len(off) > 4:
        return ctx.failed(f"{len(off)} wordings are not in the files: {off[:5]}", file=LOG, anchor="Changes")
    return ctx.passed(f"{len(body)} corrections, {len(off)} not found word for word", file=LOG, anchor="Changes")


def queries(ctx):
    """One row for each contradiction."""
    rows = [" ".join(" ".join(r).split()) for r in _sheet(ctx, "quer")[1:]]
    wanted = {"the number of teams": r"\bteams?\b.*(four|five|4|5)|(four|five|4|5)\b.*\bteams?\b", "the Tuesday times": r"tuesday", "the weekday of the supper": r"(supper|december).*(friday|saturday|weekday|calendar)|(friday|saturday).*december",
              "Joan's two numbers": r"joan|960 ?114|960 ?141|safeguarding"}
    wrong = [name for name, pattern in wanted.items() if not any(re.search(pattern, r, re.I) for r in rows)]
    return ctx.failed(f"not named: {wrong}", file=LOG, anchor="Queries") if wrong else ctx.passed(f"{len(rows)} queries", file=LOG, anchor="Queries")


def rewritten(ctx):
    """Words that differ from the draft; the corrections themselves need about `NEEDED`."""
    words = lambda lines: re.findall(r"[^\s]+", _plain("\n".join(lines)).lower())
    old, new = words(_lines(_draft(ctx))), words(_lines(ctx.document(FILE)))
    if len(new) < 0.9 * len(old):
        return ctx.failed(f"{len(new)} words, the draft has {len(old)}", file=FILE)
    codes = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    changed = sum(max(b - a, d - c) for tag, a, b, c, d in codes if tag != "equal")
    if changed > NEEDED + 25:
        return ctx.failed(f"{changed} words differ from the draft; the corrections need about {NEEDED}", file=FILE)
    return ctx.passed(f"{changed} words differ; the corrections need about {NEEDED}", file=FILE)


NEEDED = 78
