"""Checks of the manifest converter: the script is run on exports that its author has not seen."""

import ast
import csv
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
from decimal import Decimal, InvalidOperation
from pathlib import Path

HEAD = "Order no;Order date;Status;Name;Company;Street;Postcode;City;Country;Shipping;SKU;Item;Qty;Unit weight kg;Unit price DKK;Note".split(";")
PLAIN = dict(zip(HEAD, ("TT-7001", "04-11-2025", "paid", "Ida Falk", "", "Lindevej 3", "5700", "Svendborg", "Denmark", "Standard",
                        "YRN-1", "Merino, 100 g", "2", "0,350", "129,00", "")))
COUNTRY = {"denmark": "DK", "danmark": "DK", "sweden": "SE", "sverige": "SE", "norway": "NO", "norge": "NO", "finland": "FI", "suomi": "FI",
           "germany": "DE", "deutschland": "DE", "netherlands": "NL", "nederland": "NL"}
POST = {"DK": r"\d{4}", "SE": r"\d{5}", "NO": r"\d{4}", "FI": r"\d{5}", "DE": r"\d{5}", "NL": r"\d{4}[A-Z]{2}"}
SERVICE = {"standard": "01", "express": "07", "pickup point": "12"}
FIELDS = {"ref": (1, 13), "name": (13, 43), "street": (43, 73), "postcode": (73, 81), "town": (81, 101), "country": (101, 103),
          "service": (103, 105), "parcels": (105, 109), "weight": (109, 116), "signature": (116, 117)}


# --- running the script


def row(**values):
    """A row of an export; names of columns with _ for blanks."""
    return {**PLAIN, **{key.replace("_", " "): value for key, value in values.items()}}


def item(order, **values):
    """A further line of an order: the address stands on the first line only."""
    return {**dict.fromkeys(HEAD, ""), "Order no": order, "SKU": "X-1", "Item": "Thing", "Qty": "1", "Unit weight kg": "1,000", "Unit price DKK": "10,00",
            **{key.replace("_", " "): value for key, value in values.items()}}


def execute(ctx, rows, encoding="utf-8-sig", head=HEAD, script=None):
    """Run the script on an export: (exit code, records or None, {order: reason} or None, output)."""
    folder = Path(tempfile.mkdtemp())
    source = ctx.one("**/make_manifest.py")
    for path in source.parent.glob("*.py"):
        shutil.copy(path, folder / path.name)
    work = folder / "work"
    work.mkdir()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, head, delimiter=";", extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    (work / "shop.csv").write_bytes(text.getvalue().encode(encoding))
    argv = [sys.executable, "-s", "-B", str(folder / "make_manifest.py"), "shop.csv", "--date", "2026-02-09", "--sequence", "57", "--out", "m.txt", "--rejects", "r.csv"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run(argv, cwd=work, env=env, capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError("the script ran longer than 20 s") from None
    out, rejects = work / "m.txt", work / "r.csv"
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    records = out.read_bytes().decode("latin-1").splitlines() if out.is_file() else None
    bad = reasons(rejects.read_text("utf-8-sig", "replace")) if rejects.is_file() else None
    shutil.rmtree(folder, ignore_errors=True)
    return done.returncode, records, bad, said


def manifest(ctx, rows, **how):
    """(records, rejects) of a run that must succeed."""
    code, records, bad, said = execute(ctx, rows, **how)
    if code == 2 or records is None or "Traceback" in said:  # another code may tell of rejects
        raise ValueError(f"the script ended with exit code {code} and {'no' if records is None else 'a'} manifest: {said.strip()[-200:]}")
    return records, bad or {}


def reasons(text):
    """{order: reason} of a rejects file."""
    rows = [r for r in csv.reader(io.StringIO(text), delimiter=";" if ";" in text.splitlines()[0] else ",")] if text.strip() else []
    return {r[0].strip(): r[1].strip().upper() for r in rows if len(r) > 1 and not r[0].strip().lower().startswith("order")}


def field(record, name):
    """The text of a field of a C record, without padding."""
    start, end = FIELDS[name]
    return record[start:end].rstrip()


def by_order(records):
    """{order number: its C record}, in the order of the file."""
    return {field(one, "ref"): one for one in records if one.startswith("C")}


def grams(records, order):
    """Parcel weights of an order."""
    return [int(one[16:23]) for one in records if one.startswith("P") and one[1:13].rstrip() == order]


# --- what is expected of the real export


def letters(text):
    """Section 4 of the specification."""
    text = unicodedata.normalize("NFC", text)
    for pair in ("ÆAE", "ØOE", "ÅAA", "ÄAE", "ÖOE", "ÜUE"):
        text = text.replace(pair[0], pair[1:]).replace(pair[0].lower(), pair[1:])
    text = "".join(c for c in unicodedata.normalize("NFD", text.replace("ß", "SS")) if not unicodedata.combining(c)).upper()
    return re.sub(" +", " ", re.sub(r"[^A-Z0-9 .,'/&()+-]", " ", text)).strip()


def amount(text):
    """A Danish number or None."""
    try:
        return Decimal(text.strip().replace(".", "").replace(",", "."))
    except InvalidOperation:
        return None


def expected(rows):
    """({order: (fields, parcel weights)}, {order: reason}) of an export's rows."""
    orders = {}
    for one in rows:
        orders.setdefault(one["Order no"], []).append(one)
    good, bad = {}, {}
    for order, lines in orders.items():
        first = lines[0]
        if first["Status"].lower() != "paid" or first["Shipping"].lower() == "store collection":
            continue
        country = COUNTRY.get(first["Country"].lower())
        post = re.sub(r"^[A-Z]{1,2}-|\s", "", first["Postcode"].upper())
        weights = [(amount(x["Unit weight kg"]) or 0, amount(x["Qty"]) or 0) for x in lines]
        reason = ("BAD_METHOD" if first["Shipping"].lower() not in SERVICE else "BAD_COUNTRY" if not country else "NO_STREET" if not first["Street"].strip()
                  else "BAD_POSTCODE" if not re.fullmatch(POST[country], post) else "NO_WEIGHT" if any(w <= 0 or q <= 0 for w, q in weights) else None)
        if reason:
            bad[order] = reason
            continue
        goods = int(sum(w * q for w, q in weights) * 1000)
        count = -(-goods // 29600)
        parcels = [goods // count + (i < goods % count) + 400 for i in range(count)]
        worth = sum((amount(x["Unit price DKK"]) or 0) * (amount(x["Qty"]) or 0) for x in lines)
        service = SERVICE[first["Shipping"].lower()]
        good[order] = ({"name": letters(first["Company"] or first["Name"])[:30].rstrip(), "street": letters(first["Street"])[:30].rstrip(), "postcode": post,
                        "town": letters(first["City"])[:20].rstrip(), "country": country, "service": service, "parcels": f"{count:04d}",
                        "weight": f"{sum(parcels):07d}", "signature": "Y" if service == "07" or worth >= 1500 else "N"}, parcels)
    return good, bad


def today(ctx):
    """Expectations of the attached export, and the handed-in records."""
    text = (ctx.inputs / "orders_2025-11-03.csv").read_bytes().decode("cp1252")
    good, bad = expected(list(csv.DictReader(io.StringIO(text, newline=""), delimiter=";")))
    return good, bad, ctx.one("**/manifest*.txt").read_bytes()


def told(ctx, wrong, good):
    return ctx.failed("; ".join(wrong[:3]) + (f" and {len(wrong) - 3} more" if len(wrong) > 3 else "")) if wrong else ctx.passed(good)


# --- criteria


def file_form(ctx):
    """120 characters, ASCII, CR LF, one H first and one T last."""
    raw = today(ctx)[2]
    if any(byte > 126 for byte in raw):
        return ctx.failed("the file is not ASCII")
    if not raw.endswith(b"\r\n") or raw.count(b"\n") != raw.count(b"\r\n"):
        return ctx.failed("records do not all end with CR LF")
    records = raw.decode("ascii").split("\r\n")[:-1]
    wrong = [f"record {i} has {len(r)} characters" for i, r in enumerate(records, 1) if len(r) != 120]
    kinds = "".join(r[:1] for r in records)
    if not re.fullmatch(r"H(CP+)*T", kinds):
        wrong.append("records do not stand in the order H, C with its P, T")
    return told(ctx, wrong, f"{len(records)} records of 120 characters")


def todays_consignments(ctx):
    """Every C record of today."""
    good, _, raw = today(ctx)
    have = by_order(raw.decode("latin-1").splitlines())
    wrong = [f"{order} is missing" for order in good if order not in have] + [f"{order} should not be there" for order in have if order not in good]
    for order, (fields, _) in good.items():
        if order in have:
            wrong += [f"{order}: {name} is {field(have[order], name)!r}, wanted {want!r}" for name, want in fields.items() if field(have[order], name) != want]
    return told(ctx, wrong, f"{len(good)} consignments agree in all fields")


def todays_totals(ctx):
    """H and T of today, P records included."""
    good, _, raw = today(ctx)
    records = raw.decode("latin-1").splitlines()
    weights = [g for _, parcels in good.values() for g in parcels]
    want = f"T{len(good):06d}{len(weights):06d}{sum(weights):09d}{sum(weights) % 97:02d}"
    wrong = [] if records and records[0].rstrip() == "H0004071820251103000412" else [f"header is {records[0].rstrip() if records else ''!r}"]
    wrong += [] if records and records[-1].rstrip() == want else [f"trailer is {records[-1].rstrip() if records else ''!r}, wanted {want!r}"]
    wrong += [f"{order}: parcels {grams(records, order)}, wanted {parcels}" for order, (_, parcels) in good.items() if grams(records, order) != parcels]
    return told(ctx, wrong, want)


def todays_order(ctx):
    """Ascending by number, not as text."""
    have = list(by_order(today(ctx)[2].decode("latin-1").splitlines()))
    numbers = [int(re.sub(r"\D", "", one) or 0) for one in have]
    wrong = [f"{a} stands before {b}" for a, b, x, y in zip(have, have[1:], numbers, numbers[1:]) if x > y]
    return told(ctx, wrong if have else ["there is no consignment"], f"{len(have)} consignments from {have[0] if have else ''} to {have[-1] if have else ''}")


def todays_rejects(ctx):
    """Orders and reasons of today."""
    _, bad, _ = today(ctx)
    have = reasons(ctx.one("**/rejects*.csv").read_text("utf-8-sig"))
    wrong = [f"{o}: {have.get(o)}, wanted {r}" for o, r in bad.items() if have.get(o) != r] + [f"{o} should not be there" for o in have if o not in bad]
    return told(ctx, wrong, f"{len(bad)} rejected orders with their reasons")


def hidden_encodings(ctx):
    """The same export in both encodings gives the same, right manifest."""
    rows = [row(Order_no="TT-7010", Name="Søren Åkerblom", Street="Ærøvej 8", City="Rønde", Postcode="8410"),
            row(Order_no="TT-7011", Name="Jörg Weiß", Street="Mühlenstraße 2", City="Köln", Postcode="50667", Country="Deutschland")]
    wrong = []
    for encoding in ("utf-8-sig", "cp1252", "utf-8"):
        have = by_order(manifest(ctx, rows, encoding=encoding)[0])
        names = [field(have[o], "name") if o in have else None for o in ("TT-7010", "TT-7011")]
        if names != ["SOEREN AAKERBLOM", "JOERG WEISS"]:
            wrong.append(f"{encoding}: names are {names}")
    return told(ctx, wrong, "UTF-8 with and without BOM and Windows-1252 are read")


def hidden_letters(ctx):
    """Converted before they are cut off, other accents dropped, other characters blank."""
    rows = [row(Order_no="TT-7020", Name="Renée Çelik ☕ Ñandú", Company="", Street="Rue; \"Café\" 12"),
            row(Order_no="TT-7021", Company="Östergötlands Ångström & Ävlan Ö-ring", City="Ærøskøbing Ø Østre Åby Ø", Street="Gärdesvägen 4/A (gård)")]
    have = by_order(manifest(ctx, rows)[0])
    want = {("TT-7020", "name"): "RENEE CELIK NANDU", ("TT-7020", "street"): "RUE CAFE 12", ("TT-7021", "name"): "OESTERGOETLANDS AANGSTROEM & A",
            ("TT-7021", "town"): "AEROESKOEBING OE OES", ("TT-7021", "street"): "GAERDESVAEGEN 4/A (GAARD)"}
    wrong = [f"{o} {n} is {field(have.get(o, ''), n)!r}, wanted {w!r}" for (o, n), w in want.items() if field(have.get(o, ""), n) != w]
    return told(ctx, wrong, "names, streets and towns are converted and cut off as specified")


def hidden_parcels(ctx):
    """Splitting at the limit, several lines, spare grams on the first parcels."""
    rows = [row(Order_no="TT-7030", Qty="2", Unit_weight_kg="14,800"), row(Order_no="TT-7031", Qty="1", Unit_weight_kg="29,601"),
            row(Order_no="TT-7032", Qty="4", Unit_weight_kg="10,150"), item("TT-7032", Qty="3", Unit_weight_kg="6,201"), item("TT-7032", Unit_weight_kg="0,604"),
            row(Order_no="TT-7033", Qty="1", Unit_weight_kg="1.000,001"), row(Order_no="TT-7034", Qty="3", Unit_weight_kg="0,058")]
    want = {"TT-7030": [30000], "TT-7031": [15201, 15200], "TT-7032": [20336, 20336, 20335], "TT-7033": [29812] * 27 + [29811] * 7, "TT-7034": [574]}
    records = manifest(ctx, rows)[0]
    have = by_order(records)
    wrong = [f"{o}: parcels {grams(records, o)[:4]}, wanted {w[:4]}" for o, w in want.items() if grams(records, o) != w]
    wrong += [f"{o}: C record says {field(have.get(o, ''), 'parcels')!r} parcels of {field(have.get(o, ''), 'weight')!r}" for o, w in want.items()
              if field(have.get(o, ""), "parcels") != f"{len(w):04d}" or field(have.get(o, ""), "weight") != f"{sum(w):07d}"]
    return told(ctx, wrong, "parcels of 5 orders are right to the gram")


def hidden_rejects(ctx):
    """Each reason, and nothing for an order that would not have gone out."""
    cases = {"TT-7040": ("BAD_METHOD", {"Shipping": "Drone"}), "TT-7041": ("BAD_COUNTRY", {"Country": "Poland", "Postcode": "00-950"}),
             "TT-7042": ("NO_STREET", {"Street": "  "}), "TT-7043": ("BAD_POSTCODE", {"Postcode": "57000"}),
             "TT-7044": ("BAD_POSTCODE", {"Country": "Nederland", "Postcode": "1013"}), "TT-7045": ("NO_WEIGHT", {"Unit weight kg": "n/a"}),
             "TT-7046": ("NO_WEIGHT", {"Unit weight kg": "0,000"}), "TT-7048": ("BAD_POSTCODE", {"Country": "Sverige", "Postcode": "114 5X"})}
    rows = [{**row(Order_no=order), **change} for order, (_, change) in cases.items()]
    rows += [row(Order_no="TT-7047"), item("TT-7047", Unit_weight_kg=""), row(Order_no="TT-7049", Status="cancelled", Country="Poland"), row(Order_no="TT-7050")]
    records, bad = manifest(ctx, rows)
    want = {order: reason for order, (reason, _) in cases.items()} | {"TT-7047": "NO_WEIGHT"}
    wrong = [f"{o}: {bad.get(o)}, wanted {r}" for o, r in want.items() if bad.get(o) != r] + [f"{o} is in the rejects" for o in bad if o not in want]
    have = list(by_order(records))
    wrong += [] if have == ["TT-7050"] else [f"the manifest holds {have}, wanted TT-7050 alone"]
    return told(ctx, wrong, "nine orders rejected, each with its reason")


def hidden_selection(ctx):
    """Only paid, no collection, ascending by number."""
    rows = [row(Order_no="TT-10002"), row(Order_no="TT-9998", Status="refunded"), row(Order_no="TT-9999"), row(Order_no="TT-10001", Shipping="Store collection"),
            row(Order_no="TT-10000", Shipping="Pickup point"), row(Order_no="TT-10003", Status="pending"), item("TT-10003")]
    records, bad = manifest(ctx, rows)
    have = list(by_order(records))
    wrong = [] if have == ["TT-9999", "TT-10000", "TT-10002"] else [f"the manifest holds {have}"]
    wrong += [f"{o} is in the rejects" for o in bad]
    return told(ctx, wrong, "TT-9999, TT-10000, TT-10002 in this order, nothing rejected")


def hidden_signature(ctx):
    """From 1.500,00 over all lines, and for Express."""
    rows = [row(Order_no="TT-7060", Qty="1", Unit_price_DKK="1.499,99"), row(Order_no="TT-7061", Qty="1", Unit_price_DKK="1.500,00"),
            row(Order_no="TT-7062", Qty="2", Unit_price_DKK="700,00"), item("TT-7062", Qty="5", Unit_price_DKK="20,00"),
            row(Order_no="TT-7063", Shipping="Express"), row(Order_no="TT-7064", Shipping="Pickup point", Qty="3", Unit_price_DKK="499,99")]
    have = by_order(manifest(ctx, rows)[0])
    signs = "".join(field(have.get(f"TT-706{i}", ""), "signature") or "?" for i in range(5))
    return ctx.passed("N Y Y Y N as wanted") if signs == "NYYYN" else ctx.failed(f"signatures are {signs}, wanted NYYYN")


def missing_column(ctx):
    """Exit code 2, the column named, no manifest; once for each of three columns."""
    wrong = []
    for name in ("Unit weight kg", "Country", "Qty"):
        code, records, _, said = execute(ctx, [row()], head=[one for one in HEAD if one != name])
        if code != 2 or records is not None or name.lower() not in said.lower():
            wrong.append(f"without {name!r}: exit code {code}, {'no' if records is None else 'a'} manifest, says {said.strip()[-100:]!r}")
    return told(ctx, wrong, "exit code 2, column named, no manifest")


def _tests(ctx, breakage=None):
    """Run the tests in a copy, with the script broken if wanted: (exit code, number of tests, output)."""
    folder = Path(tempfile.mkdtemp()) / "work"
    tests = ctx.one("**/test_make_manifest.py")
    shutil.copytree(tests.parent, folder)
    shutil.copytree(ctx.inputs, folder / "inputs", dirs_exist_ok=True)
    script = next(folder.rglob("make_manifest.py"), None)
    if script is None:
        shutil.copy(ctx.one("**/make_manifest.py"), folder)
        script = folder / "make_manifest.py"
    if breakage is not None:
        script.chmod(0o644)
        script.write_text(breakage(script.read_text("utf-8")), "utf-8")
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run([sys.executable, "-s", "-B", "-m", "unittest", "test_make_manifest"], cwd=folder, env=env, capture_output=True, timeout=25, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError("the tests ran longer than 25 s") from None
    said = done.stderr.decode("utf-8", "replace")
    ran = re.search(r"Ran (\d+) test", said)
    shutil.rmtree(folder.parent, ignore_errors=True)
    return done.returncode, int(ran[1]) if ran else 0, said.strip()[-200:]


def tests_run(ctx):
    """At least 8 tests, all of which pass."""
    code, ran, said = _tests(ctx)
    return ctx.passed(f"{ran} tests pass") if code == 0 and ran >= 8 else ctx.failed(f"exit code {code}, {ran} tests: {said}")


def tests_notice(ctx):
    """Broken copies of the script are noticed: CR LF gone, record of 119, letters not converted."""
    source = ctx.one("**/make_manifest.py").read_text("utf-8")
    breaks = {"Ø written as O": lambda text: text.replace("OE", "O"), "records one character short": lambda text: re.sub(r"\b120\b", "119", text),
              "box of 500 g": lambda text: re.sub(r"\b400\b", "500", re.sub(r"\b0\.4(0*)\b", "0.5", text)), "express is 70": lambda text: text.replace("07", "70")}
    breaks = {name: change for name, change in breaks.items() if change(source) != source}
    if not breaks or _tests(ctx)[0] != 0:
        return ctx.failed("the tests do not pass on the script itself")
    noticed = [name for name, change in breaks.items() if _tests(ctx, change)[0] != 0]
    if len(noticed) * 2 >= len(breaks):
        return ctx.passed(f"fail as they should for: {', '.join(noticed)}")
    return ctx.failed(f"of {', '.join(breaks)} the tests notice {', '.join(noticed) or 'nothing'}")


def third_party(ctx):
    """Only modules of the standard library, or files of the submission."""
    own = {path.stem for path in ctx.files("**/*.py")}
    path = ctx.one("**/make_manifest.py")
    names = set()
    for file in {path, *path.parent.glob("*.py")}:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add((node.module or "").split(".")[0])
    foreign = sorted(names - own - set(sys.stdlib_module_names))
    return ctx.failed(f"imports {foreign}") if foreign else ctx.passed("standard library only")


def readme(ctx):
    """The call with its options, and the five reasons."""
    text = ctx.text("**/README*")
    wanted = ["make_manifest.py", "--date", "--sequence", "BAD_METHOD", "BAD_COUNTRY", "NO_STREET", "BAD_POSTCODE", "NO_WEIGHT"]
    missing = [one for one in wanted if one.lower() not in text.lower()]
    return ctx.failed(f"not in the README: {missing}") if missing else ctx.passed("call and reasons are there")
