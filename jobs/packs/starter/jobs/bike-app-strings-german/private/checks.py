"""Checks of the German app strings, always against the English file and the kit of the inputs."""

import csv
import io
import json
import re

FILE = "de.json"
FIXED = ("legal.", "debug.")
SAME_IS_FINE = {"nav.pass", "points.balance", "common.ok", "ride.pause"}


def _flat(node, path=""):
    """{dotted key: value} of a nested object."""
    if not isinstance(node, dict):
        return {path: node}
    return {k: v for key, sub in node.items() for k, v in _flat(sub, f"{path}.{key}" if path else str(key)).items()}


def _load(ctx):
    """The English and the German strings, flat; only keys of the English file with text values are kept."""
    english = _flat(json.loads((ctx.inputs / "en.json").read_text(encoding="utf-8")))
    german = _flat(json.loads(ctx.one(FILE).read_text(encoding="utf-8-sig")))
    german = {k: v for k, v in german.items() if isinstance(v, str)}
    if sum(bool(german.get(k, "").strip()) for k in english) < 0.9 * len(english):
        raise ValueError(f"de.json has texts for fewer than nine tenths of the {len(english)} keys")
    return english, german


def _parse(text, at=0, depth=0):
    """ICU message -> ([(name, kind, style or {selector: parts}, ...)], position). Raises ValueError where braces do not fit."""
    found, literal = [], []
    while at < len(text):
        char = text[at]
        if char == "}":
            if depth == 0:
                raise ValueError(f"a closing brace too many in {text!r}")
            return found, "".join(literal), at
        if char != "{":
            literal.append(char)
            at += 1
            continue
        head = re.compile(r"\{\s*(\w+)\s*(?:,\s*(\w+)\s*)?").match(text, at)
        if not head:
            raise ValueError(f"a brace without a name in {text!r}")
        name, kind, at = head[1], head[2], head.end()
        if kind in ("plural", "select", "selectordinal"):
            branches, at = {}, text.index(",", at) + 1
            while True:
                opening = re.compile(r"\s*(=\d+|\w+)\s*\{").match(text, at)
                if not opening:
                    break
                inner, words, at = _parse(text, opening.end(), depth + 1)
                if text[at:at + 1] != "}":
                    raise ValueError(f"an open branch in {text!r}")
                branches[opening[1]] = (inner, words)
                at += 1
            found.append((name, kind, branches))
            at += len(text[at:]) - len(text[at:].lstrip())
        else:
            style = re.compile(r",\s*([^{}]+)").match(text, at)
            at = style.end() if style else at
            found.append((name, kind, style[1].strip() if style else None))
        if text[at:at + 1] != "}":
            raise ValueError(f"an open brace in {text!r}")
        at += 1
    if depth:
        raise ValueError(f"an open branch in {text!r}")
    return found, "".join(literal), at


def _arguments(parts):
    """Every argument of a message as (name, kind, style), also those inside of branches."""
    out = set()
    for name, kind, rest in parts:
        if isinstance(rest, dict):
            out.add((name, kind, None))
            for inner, _ in rest.values():
                out |= _arguments(inner)
        else:
            out.add((name, kind, rest))
    return out


def _choices(parts):
    return {name: rest for name, _, rest in parts if isinstance(rest, dict)}


def _prose(text):
    """The text without placeholders, selectors and tags."""
    text = re.sub(r"\{\w+\s*,\s*(plural|select)\s*,", " ", text)
    text = re.sub(r"(=\d+|\b(?:one|other|female|male))\s*\{", " ", text)
    text = re.sub(r"\{\w+(\s*,[^{}]*)?\}", " ", text)
    return re.sub(r"<[^>]+>|[{}#]", " ", text)


def _verdict(ctx, wrong, good):
    if wrong:
        return ctx.failed(f"{len(wrong)} wrong: {'; '.join(wrong[:4])}", file=FILE)
    return ctx.passed(good, file=FILE)


def same_keys(ctx):
    english, _ = _load(ctx)
    german = _flat(json.loads(ctx.one(FILE).read_text(encoding="utf-8-sig")))
    wrong = [f"missing {k}" for k in english if k not in german] + [f"added {k}" for k in german if k not in english]
    wrong += [f"empty {k}" for k, v in german.items() if not (isinstance(v, str) and v.strip())]
    return _verdict(ctx, wrong, f"all {len(english)} keys")


def placeholders(ctx):
    english, german = _load(ctx)
    wrong = []
    for key, text in english.items():
        try:
            want, got = _arguments(_parse(text)[0]), _arguments(_parse(german.get(key, ""))[0])
        except ValueError as error:
            wrong.append(f"{key}: {error}")
            continue
        if want != got:
            wrong.append(f"{key}: {sorted(a[0] for a in got)} for {sorted(a[0] for a in want)}")
    return _verdict(ctx, wrong, "all placeholders agree")


def icu(ctx):
    english, german = _load(ctx)
    wrong = []
    for key, text in english.items():
        want = _choices(_parse(text)[0])
        if not want:
            continue
        try:
            got = _choices(_parse(german.get(key, ""))[0])
        except ValueError as error:
            wrong.append(f"{key}: {error}")
            continue
        for name, branches in want.items():
            if set(got.get(name, {})) != set(branches):
                wrong.append(f"{key}: selectors {sorted(got.get(name, {}))}, not {sorted(branches)}")
                continue
            wrong += [f"{key}: branch {s} is empty" for s, (_, words) in got[name].items() if not words.strip(" #")]
            wrong += [f"{key}: no # in branch {s}" for s, (_, words) in branches.items() if "#" in words and "#" not in got[name][s][1]]
    return _verdict(ctx, wrong, "all plurals and selects are whole")


ENGLISH = re.compile(r"\b(the|your|you|and|with|for|from|again|until|(?<!-)bikes?|ride|rides|riding|docks?|nearby|enter|scan the|card|"
                     r"report|brakes|lights|seat|tyre|payment|receipt|unlock|lock|settings|help|account|cancel|save|close|sign|free|language|"
                     r"battery|minutes|hours?|stars?)\b", re.I)


def all_german(ctx):
    import py3langid

    english, german = _load(ctx)
    texts = {k: v for k, v in german.items() if k in english and not k.startswith(FIXED)}
    wrong = [f"{k} is unchanged" for k, v in texts.items() if v.strip() == english[k].strip() and k not in SAME_IS_FINE]
    for key, value in texts.items():
        hit = ENGLISH.search(_prose(value))
        if hit and key not in SAME_IS_FINE:
            wrong.append(f"{key}: {hit[0]!r}")
    whole = " ".join(_prose(v) for v in texts.values())
    if py3langid.classify(whole)[0] != "de":
        wrong.append(f"the whole reads as {py3langid.classify(whole)[0]}")
    if not re.search("[äöüß]", whole):
        wrong.append("no umlaut anywhere")
    return _verdict(ctx, wrong, "German throughout")


def protected_strings(ctx):
    english, german = _load(ctx)
    keys = [k for k in english if k.startswith(FIXED)]
    return _verdict(ctx, [f"{k} was changed" for k in keys if german.get(k) != english[k]], f"{len(keys)} strings untouched")


def lengths(ctx):
    from openpyxl import load_workbook

    _, german = _load(ctx)
    rows = load_workbook(ctx.inputs / "localisation_kit.xlsx")["Strings"].iter_rows(min_row=2, values_only=True)
    limits = {key: most for key, _, most in rows if most}
    wrong = [f"{k}: {len(german.get(k, ''))} characters, at most {most}" for k, most in limits.items() if not 0 < len(german.get(k, "")) <= most]
    return _verdict(ctx, wrong, f"{len(limits)} limits kept")


# the English word in the source -> what the German text must hold
TERMS = [(r"\bdocks?\b", r"stellpl[aä]tz"), (r"\bunlock", r"entsperr|\bgesperrt"), (r"^lock the", r"schl[io][es]?[sß]"), (r"\bbattery\b", r"akku"), (r"\bparking zone\b", r"parkzone"),
         (r"\bout-of-zone fee\b", r"zonengebühr"), (r"\bpayment method\b", r"zahlungsart"), (r"\breceipt\b", r"beleg"), (r"\bpromo code\b", r"gutscheincode"),
         (r"\baccount\b", r"konto|kontos|konten"), (r"\bnotifications?\b", r"mitteilung"), (r"\bsettings\b", r"einstellungen"), (r"\bsupport\b", r"support"),
         (r"\bsign in\b", r"anmeld|melde.* an\b"), (r"\bsign out\b", r"abmeld|melde.* ab\b"), (r"\bsign up\b", r"registrier"), (r"\be-bikes?\b", r"e-bike"),
         (r"\b(your|a|each|every|end|last) rides?\b", r"fahrt")]
BARRED = r"fahrr[aä]d|batterie|\bdocks?\b|quittung|\brechnung|benachrichtigung|\baccount\b|freischalt|\btour\b|\britt\b|promo-?code"


def glossary(ctx):
    """The German term where the English string has the English one; rewordings without the thing itself are not asked for."""
    english, german = _load(ctx)
    wrong = []
    for key, text in english.items():
        if key.startswith(FIXED) or key == "app.tagline":
            continue
        value = _prose(german.get(key, "")).lower()
        for term, needed in TERMS:
            if re.search(term, _prose(text), re.I) and not re.search(needed, value):
                wrong.append(f"{key}: no {needed.split('|')[0]!r}")
        hit = re.search(BARRED, value)
        if hit:
            wrong.append(f"{key}: {hit[0]!r}")
    return _verdict(ctx, wrong, "glossary terms throughout")


CONTEXT = [("map.status.free", r"verfügbar|\bfrei\b", r"kosten|gratis|umsonst"), ("pass.price.free", r"kostenlos|gratis|umsonst|kostenfrei|0 ?€", r"verfügbar|^\W*frei\W*$"),
           ("common.save", r"speicher|sicher|übernehm|behalt", r"spar"), ("pass.save_badge", r"spar|rabatt|günstiger|ersparnis|billiger|weniger|[-–−] ?\{percent", r"speicher"),
           ("common.cancel", r"abbrech|abbruch|zurück|verwerf", r"kündig"), ("pass.cancel.cta", r"kündig", r"abbrech"), ("pass.cancel.title", r"kündig", r"abbrech"),
           ("map.home", r"hause\b|heim\b|wohn", r"start|home"), ("ride.damage.seat", r"sattel", r"sitz"), ("ride.resume", r"weiter|fortsetz", r"lebenslauf")]


def context(ctx):
    _, german = _load(ctx)
    wrong = [f"{k}: {german.get(k)!r}" for k, good, bad in CONTEXT
             if not re.search(good, german.get(k, ""), re.I) or re.search(bad, german.get(k, ""), re.I)]
    return _verdict(ctx, wrong, f"{len(CONTEXT)} strings fit their context")


def informal(ctx):
    """No polite form (a capital Sie or Ihr inside a sentence, or before a verb of request), and du where the text speaks to the rider."""
    english, german = _load(ctx)
    wrong, du = [], 0
    for key, value in german.items():
        if key.startswith(FIXED) or key not in english:
            continue
        text = re.sub(r"[ \t]+", " ", _prose(value.replace("\n", ". "))).strip()
        inside = r"(?<=[a-zäöüß,;] )"
        if key == "ride.together":  # speaks of another person, who may well be "Sie"
            continue
        if re.search(inside + r"(Sie|Ihre?[mnrs]?|Ihnen)\b", text):
            wrong.append(f"{key}: polite form")
        elif re.search(r"\bSie (haben|können|müssen|sind|werden|möchten|zahlen|dürfen)\b|(^|[.!?:] )(Ihre?[mnrs]?|Ihnen) ", text):
            wrong.append(f"{key}: polite form")
        if re.search(inside + r"(Du|Dir|Dich|Dein\w*)\b", text):
            wrong.append(f"{key}: capital Du")
        du += bool(re.search(r"\b(du|dir|dich|dein\w*)\b", text, re.I))
    if du < 10:
        wrong.append(f"only {du} strings say du")
    return _verdict(ctx, wrong, f"{du} strings say du")


def tags_and_breaks(ctx):
    english, german = _load(ctx)
    wrong = []
    for key, text in english.items():
        if sorted(re.findall(r"</?\w+>", text)) != sorted(re.findall(r"</?\w+>", german.get(key, ""))):
            wrong.append(f"{key}: tags")
        if text.count("\n") != german.get(key, "").count("\n"):
            wrong.append(f"{key}: line breaks")
        for outer in re.findall(r"<(\w+)>[^<]*(\{\w+)[^<]*</", text):
            if not re.search(rf"<{outer[0]}>[^<]*{re.escape(outer[1])}[^<]*</{outer[0]}>", german.get(key, "")):
                wrong.append(f"{key}: the tag is not around {outer[1]}}}")
    return _verdict(ctx, wrong, "tags and line breaks agree")


def numbers(ctx):
    """Digits of the prose agree with the English (the opening hours by their own rule)."""
    english, german = _load(ctx)
    words = {"zwanzig": "20", "dreißig": "30"}
    wrong = []
    for key, text in english.items():
        if key.startswith(FIXED) or key in ("help.hours", "pass.price.free"):  # "0 €" is a fine word for free
            continue
        value = _prose(german.get(key, "")).replace("CO2", "CO₂")
        for word, digit in words.items():
            value = re.sub(rf"\b{word}\b", digit, value, flags=re.I)
        if sorted(re.findall(r"\d+", _prose(text))) != sorted(re.findall(r"\d+", value)):
            wrong.append(f"{key}: {german.get(key)!r}")
    if not re.search(r"\b0?6(:00)?\b.*\b23(:00)?\b.*uhr|\b0?6(:00)? uhr.*\b23", german.get("help.hours", ""), re.I):
        wrong.append(f"help.hours: {german.get('help.hours')!r}")
    return _verdict(ctx, wrong, "figures agree")


def issues_listed(ctx):
    """The three faults of the source are named by key."""
    text = ctx.one("source_issues.csv").read_text(encoding="utf-8-sig")
    delimiter = ";" if text.splitlines() and text.splitlines()[0].count(";") > text.splitlines()[0].count(",") else ","
    rows = [[c.strip() for c in r] for r in csv.reader(io.StringIO(text), delimiter=delimiter) if any(c.strip() for c in r)]
    if not rows or [c.lower() for c in rows[0][:2]] != ["key", "issue"]:
        return ctx.failed(f"the header is {rows[0] if rows else 'missing'}", file="source_issues.csv")
    said = [(r[0], " ".join(r[1:])) for r in rows[1:] if len(r) > 1 and r[1]]
    wrong = []
    if not any("map.station_closed" in k + t and re.search(r"nmae|name|placeholder|platzhalter", t, re.I) for k, t in said):
        wrong.append("the placeholder of map.station_closed")
    if not any("points.earn" in k + t and re.search(r"rec[ei]{2}ve|spell|spelt|typo|schreib|tipp", t, re.I) for k, t in said):
        wrong.append("the misspelling in points.earn")
    if not any(re.search(r"pass\.(pitch|details)", k) and (("30" in t and "20" in t) or re.search(r"pass\.(pitch|details)", t) or ("pitch" in k and "details" in k)) for k, t in said):
        wrong.append("the contradiction of pass.pitch and pass.details")
    if wrong:
        return ctx.failed("not listed: " + "; ".join(wrong), file="source_issues.csv")
    return ctx.passed(f"{len(said)} issues listed", file="source_issues.csv")


def quotes(ctx):
    _, german = _load(ctx)
    value = german.get("pay.promo.applied", "")
    return _verdict(ctx, [] if re.search(r"„\s*\{code\}\s*[“”]", value) and "”" not in value else [repr(value)], "„{code}“")


def order(ctx):
    english, _ = _load(ctx)
    german = list(_flat(json.loads(ctx.one(FILE).read_text(encoding="utf-8-sig"))))
    return _verdict(ctx, [] if german == list(english) else ["the order of the keys differs"], "same order")


def brands_changed(ctx):
    english, german = _load(ctx)
    brands = {"RideLoop", "LoopPass", "LoopPoint", "LoopPoints"}
    wrong = []
    for key, text in english.items():
        value = german.get(key, "")
        tokens = set(re.findall(r"\b\w*loop[\w-]*", value, re.I))
        asked = set(re.findall(r"\b\w*loop[\w-]*", text, re.I))
        if not tokens <= brands or not {t.rstrip("s") for t in asked} <= {t.rstrip("s") for t in tokens}:
            wrong.append(f"{key}: {value!r}")
    return _verdict(ctx, wrong, "brand names as they are")
