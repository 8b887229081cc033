"""Checks of the Mexican Spanish subtitles, cue by cue against the English file."""

import re
import unicodedata

FILE, TABLE, SOURCE = "forklift_module2_es-MX.srt", "review_table.docx", "forklift_module2_en.srt"
TIMING = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{3})\s*-->\s*(\d+):(\d\d):(\d\d)[,.](\d{3})")


def _cues(path):
    """[(number, (start, end) in ms, lines)] of an srt; blank cues are kept."""
    text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    out = []
    for block in re.split(r"\n[ \t]*\n+(?=\d+[ \t]*\n\d+:)", text.strip()):
        lines = [line.strip() for line in block.strip().split("\n")]
        found = TIMING.match(lines[1]) if len(lines) > 1 else None
        if not found or not lines[0].isdigit():
            raise ValueError(f"not a cue: {block[:60]!r}")
        n = [int(g) for g in found.groups()]
        at = lambda i: ((n[i] * 60 + n[i + 1]) * 60 + n[i + 2]) * 1000 + n[i + 3]
        out.append((int(lines[0]), (at(0), at(4)), [x for x in lines[2:] if x]))
    return out


def _bare(lines):
    return [re.sub(r"<[^>]+>|\{\\[^}]*\}", "", line) for line in lines]


def _pair(ctx):
    """(number, English in one line, Spanish in one line, Spanish lines, (start, end)) of cues with the same number."""
    english = {n: lines for n, _, lines in _cues(ctx.inputs / SOURCE)}
    spanish = _cues(ctx.one(FILE))
    if len({n for n, _, lines in spanish if lines} & set(english)) < 0.9 * len(english):
        raise ValueError(f"{len(spanish)} cues, the English file has {len(english)}")
    return [(n, " ".join(english[n]), " ".join(lines), lines, times) for n, times, lines in spanish if n in english]


def _unaccented(text):
    """Without accents (imperatives with pronouns move them: etiquete, etiquételo); ñ stays."""
    return "".join(c for c in unicodedata.normalize("NFD", text.replace("ñ", "\0")) if not unicodedata.combining(c)).replace("\0", "ñ")


def _verdict(ctx, wrong, good, file=FILE):
    if wrong:
        return ctx.failed(f"{len(wrong)} wrong: {'; '.join(wrong[:4])}", file=file)
    return ctx.passed(good, file=file)


def cues_and_times(ctx):
    english, spanish = _cues(ctx.inputs / SOURCE), _cues(ctx.one(FILE))
    wrong = [] if len(english) == len(spanish) else [f"{len(spanish)} cues, not {len(english)}"]
    for (n, times, _), (m, other, lines) in zip(english, spanish):
        if n != m or times != other:
            wrong.append(f"cue {m}: number or time codes differ")
        if not "".join(lines).strip():
            wrong.append(f"cue {m} is empty")
    return _verdict(ctx, wrong, f"{len(spanish)} cues, same time codes")


ENGLISH = re.compile(r"\b(the|your|you|and|with|load|forks?|forklift|every|before|never|don't|stop|look|check|keep|always|safety|music|brake|key|speed|limit|tip|parking|driving)\b", re.I)


def all_spanish(ctx):
    import py3langid

    pairs = _pair(ctx)
    wrong = [f"cue {n} is unchanged" for n, en, es, _, _ in pairs if en.lower() == es.lower()]
    wrong += [f"cue {n}: {ENGLISH.search(es)[0]!r}" for n, _, es, _, _ in pairs if ENGLISH.search(" ".join(_bare([es])))]
    whole = " ".join(_bare([es for _, _, es, _, _ in pairs]))
    if py3langid.classify(whole)[0] != "es":
        wrong.append(f"the whole reads as {py3langid.classify(whole)[0]}")
    return _verdict(ctx, wrong, "Spanish throughout")


def prohibitions(ctx):
    """A negation where the English has one. Cue 32 asks whether one can't see: a blocked view says the same."""
    wrong = []
    for n, en, es, _, _ in _pair(ctx):
        if re.search(r"\b(never|don't|nobody|isn't|can't|not)\b", en, re.I):
            negated = re.search(r"\b(no|nunca|jam[aá]s|nadie|ni|ning[uú]n\w*|prohibid\w*|sin)\b", es, re.I)
            blocked = "can't see" in en.lower() and re.search(r"tapa|bloque|obstru|impide|estorba|cubre|quita|limita|poca|mala", es, re.I)
            if not (negated or blocked):
                wrong.append(f"cue {n}: {es!r}")
    return _verdict(ctx, wrong, "all prohibitions are there")


UNITS = [("4,000 lb", r"\b1,800 ?kg"), ("24 inches", r"\b60 ?cm"), ("6 inches", r"\b15 ?cm"), ("5 mph", r"\b8 ?km/h"), ("3 mph", r"\b5 ?km/h"), ("10 feet", r"\b3 ?m(etros)?\b")]


def units(ctx):
    wrong = []
    pairs = _pair(ctx)
    for old, new in UNITS:
        wrong += [f"cue {n}: {es!r} for {old}" for n, en, es, _, _ in pairs if re.search(rf"\b{old}", en) and not re.search(new, es.replace("\u00a0", " "), re.I)]
    wrong += [f"cue {n}: {m[0]!r}" for n, _, es, _, _ in pairs for m in [re.search(r"\b(mph|lbs?|libras?|pulgadas?|pies|millas?)\b", es, re.I)] if m]
    return _verdict(ctx, wrong, "all six conversions")


def lines(ctx):
    wrong = []
    for n, _, _, rows, _ in _pair(ctx):
        if len(rows) > 2:
            wrong.append(f"cue {n}: {len(rows)} lines")
        wrong += [f"cue {n}: {len(r)} characters" for r in _bare(rows) if len(r) > 42]
    return _verdict(ctx, wrong, "two lines of 42 characters at most")


def reading_speed(ctx):
    wrong, top = [], 0.0
    for n, _, _, rows, (start, end) in _pair(ctx):
        speed = sum(len(r) for r in _bare(rows)) / max(0.001, (end - start) / 1000)
        top = max(top, speed)
        if speed > 17.0001:
            wrong.append(f"cue {n}: {speed:.1f}")
    return _verdict(ctx, wrong, f"at most {top:.1f} characters per second")


# what the English cue holds -> what the Spanish one must hold
TERMS = [(r"\bforklifts?\b", r"montacargas"), (r"\bforks\b", r"horquillas"), (r"\bmast\b", r"mástil"), (r"\bpallet\b", r"tarima"), (r"\bseat belt\b", r"cinturón\s+de\s+seguridad"),
         (r"\bhorn\b", r"claxon"), (r"inside the warehouse", r"almacén"), (r"\bloading dock\b", r"andén\s+de\s+carga"), (r"\bdock plate\b", r"rampa\s+niveladora"), (r"\boverhead guard\b", r"techo\s+protector"),
         (r"\boperator\b", r"opera(dor|ndo)"), (r"\bpedestrians?\b", r"peat[oó]n"), (r"\bPPE\b", r"\bEPP\b"), (r"\bvest\b", r"chaleco\s+reflejante"), (r"\bdata plate\b", r"placa\s+de\s+datos"),
         (r"don't drive|\bdriving\b|drive in reverse", r"manej"), (r"\btires?\b", r"llanta"), (r"\btag it out\b", r"bloque\w*.*etiquet|etiquet\w*.*bloque"), (r"\btips over\b", r"volca|vuelca|vuelque|volque|volcad"),]
LOAD = r"\bload\b(?!ing)"
BARRED = r"carretilla|\buñas\b|bocina|bodega|\bpales?\b|\bpall?ets?\b|muelle|neumatic\w*|\bconduc\w+|\bconduzca\b"


def glossary(ctx):
    """Glossary terms; where cues follow each other, a pronoun may stand for the load in two of them."""
    wrong, unloaded = [], []
    for n, en, es, _, _ in _pair(ctx):
        plain = _unaccented(es)
        wrong += [f"cue {n}: no {new}" for old, new in TERMS if re.search(old, en, re.I) and not re.search(_unaccented(new), plain, re.I)]
        unloaded += [n] if re.search(LOAD, en, re.I) and not re.search("carga", plain, re.I) else []
        hit = re.search(BARRED, plain, re.I)
        if hit:
            wrong.append(f"cue {n}: {hit[0]!r}")
    if len(unloaded) > 2:
        wrong.append(f"no carga in cues {unloaded}")
    return _verdict(ctx, wrong, "glossary terms throughout")


TU = (r"\b(tú|ti|contigo|vosotros|vosotras|vuestr\w+|os|te)\b|\btus?\s+\w|\b(ponte|abróchate|detente|acércate|sujétate|agárrate|asegúrate|mantén|haz|fíjate|inclínate|poneos|revisad|mirad)\b|"
      r"(?:^|[.!?:,] |[¡¿]|\by )(revisa|verifica|prueba|busca|avisa|pregunta|circula|mete|divide|toca|comprueba|etiqueta|usa|reduce)\b|\bno (manejes|saltes|conduzcas|subas|agregues|cruces|supongas)\b|\bnunca (supongas|agregues|cruces|manejes)\b")


def usted(ctx):
    pairs = _pair(ctx)
    wrong = [f"cue {n}: {m[0].strip()!r}" for n, _, es, _, _ in pairs for m in [re.search(TU, " ".join(_bare([es])), re.I)] if m]
    polite = sum(bool(re.search(r"\b(póngase|colóquese|camine|recorra|rodee|inspeccione|compruebe|levante|pare|disminuya|manténgase|bloquéelo|etiquételo|informe|cerciórese|revise|verifique|pruebe|busque|maneje|circule|mantenga|toque|baje|meta|incline|acérquese|divida|avise|pregunte|haga|sujétese|agárrese|abróchese|deténgase|reduzca|dé|use|sea|suponga|reporte|bloquee|introduzca|asegúrese|su)\b", es, re.I)) for _, _, es, _, _ in pairs)
    if polite < 10:
        wrong.append(f"only {polite} cues speak to the viewer as usted")
    return _verdict(ctx, wrong, f"{polite} cues with usted")


def screen_text(ctx):
    wrong, seen = [], 0
    for n, en, es, _, _ in _pair(ctx):
        if not en.startswith("["):
            continue
        seen += 1
        number = re.search(r"\d", en)[0]
        if not (es.startswith("[") and es.endswith("]")):
            wrong.append(f"cue {n}: no brackets")
        elif es != es.upper():
            wrong.append(f"cue {n}: not in capitals")
        elif not re.search(rf"\b{number}\b", es):
            wrong.append(f"cue {n}: no {number}")
    return _verdict(ctx, wrong, f"{seen} on-screen texts")


def marks_kept(ctx):
    wrong = []
    for n, en, es, _, _ in _pair(ctx):
        for mark in ("<i>", "</i>"):
            if (mark in en) != (mark in es):
                wrong.append(f"cue {n}: {mark}")
        if en.count("♪") != es.count("♪"):
            wrong.append(f"cue {n}: ♪")
        if en.startswith("RAY:") != bool(re.match(r"(<i>)?RAY:", es)):
            wrong.append(f"cue {n}: RAY:")
    return _verdict(ctx, wrong, "tags, notes and names are kept")


def table_same_text(ctx):
    """Each cue's row holds its number, its English text and the Spanish text of the srt (blanks and case of quotes aside)."""
    squeeze = lambda t: re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", t).replace("\u00a0", " ").replace("’", "'")).strip()
    document = ctx.document(TABLE)
    rows = {}
    for table in document.tables:
        for row in table.rows:
            cells = [c.text.strip() for c in row.cells]
            if cells and re.fullmatch(r"#?\d+\.?", cells[0]):
                rows[int(re.sub(r"\D", "", cells[0]))] = cells[1:]
    wrong = []
    for n, en, es, _, _ in _pair(ctx):
        cells = rows.get(n)
        if cells is None:
            wrong.append(f"no row for cue {n}")
            continue
        texts = [squeeze(c) for c in cells]
        if squeeze(en) not in texts:
            wrong.append(f"row {n}: other English text")
        if squeeze(es) not in texts:
            wrong.append(f"row {n}: other Spanish text than in the srt")
        if any("<i>" in c for c in cells):
            wrong.append(f"row {n}: a tag")
    return _verdict(ctx, wrong, f"{len(rows)} rows with the same text", TABLE)


def opening_marks(ctx):
    wrong = [f"cue {n}" for n, _, es, _, _ in _pair(ctx) if es.count("?") != es.count("¿") or es.count("!") != es.count("¡")]
    return _verdict(ctx, wrong, "¿ and ¡ are there")


def spain_spanish(ctx):
    words = r"carretilla|conduc(ir|e|es|ción)\b|conduzca|neumátic|\bpal[eé]s?\b|vosotr|vuestr|\bcoge|\bcoja|\bmarcha atrás|aparcamiento|aparcar|ordenador"
    wrong = [f"cue {n}: {m[0]!r}" for n, _, es, _, _ in _pair(ctx) for m in [re.search(words, es, re.I)] if m]
    return _verdict(ctx, wrong, "none")
