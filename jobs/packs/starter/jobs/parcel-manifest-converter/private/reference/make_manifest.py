#!/usr/bin/env python3
"""Turn the webshop's order export into a NordSprint manifest (specification v2.3). Standard library only."""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

CUSTOMER = "40718"
RECORD = 120
MAX_PARCEL = 30_000  # grams, the box included
BOX = 400
SIGNATURE_FROM = Decimal("1500")
SERVICES = {"standard": "01", "express": "07", "pickup point": "12"}
COLLECTION = "store collection"
COUNTRIES = {
    "denmark": "DK", "danmark": "DK", "sweden": "SE", "sverige": "SE", "norway": "NO", "norge": "NO",
    "finland": "FI", "suomi": "FI", "germany": "DE", "deutschland": "DE", "netherlands": "NL", "nederland": "NL",
}
POSTCODES = {"DK": r"\d{4}", "SE": r"\d{5}", "NO": r"\d{4}", "FI": r"\d{5}", "DE": r"\d{5}", "NL": r"\d{4}[A-Z]{2}"}
LETTERS = {"Æ": "AE", "Ø": "OE", "Å": "AA", "Ä": "AE", "Ö": "OE", "Ü": "UE", "ß": "SS", "ẞ": "SS"}
COLUMNS = (
    "Order no", "Status", "Name", "Company", "Street", "Postcode", "City", "Country", "Shipping",
    "SKU", "Qty", "Unit weight kg", "Unit price DKK",
)


class BadExport(Exception):
    """The export cannot be used at all."""


@dataclass
class Order:
    """An order with its lines; the address stands on its first line only."""

    number: str
    first: dict[str, str]
    lines: list[dict[str, str]] = field(default_factory=list)

    @property
    def key(self) -> tuple[int, str]:
        digits = re.sub(r"\D", "", self.number)
        return int(digits or 0), self.number


def ascii_upper(text: str) -> str:
    """Letters as section 4 of the specification wants them."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(LETTERS.get(c if c in LETTERS else c.upper(), c) for c in text)
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).upper()
    return re.sub(r" +", " ", re.sub(r"[^A-Z0-9 .,'/&()+-]", " ", plain)).strip()


def number(text: str) -> Decimal | None:
    """A number written the Danish way (1.249,00); None where there is none."""
    text = text.strip().replace(" ", "").replace("\u00a0", "").replace(".", "").replace(",", ".")
    return Decimal(text) if re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII) else None


def read_orders(path: Path) -> list[Order]:
    """The orders of an export, UTF-8 (with or without BOM) or Windows-1252, sorted by number."""
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252")
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=";")
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or [])]
    if missing:
        raise BadExport(f"{path.name}: column missing: {', '.join(missing)}")
    orders: dict[str, Order] = {}
    for row in rows:
        row = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if row["Order no"]:
            order = orders.setdefault(row["Order no"], Order(row["Order no"], row))
            order.lines.append(row)
    return sorted(orders.values(), key=lambda order: order.key)


def goods_weight(order: Order) -> int | None:
    """Grams of the goods, without boxes; None where a line has no usable weight or quantity."""
    total = Decimal(0)
    for line in order.lines:
        weight, quantity = number(line["Unit weight kg"]), number(line["Qty"])
        if weight is None or quantity is None or weight <= 0 or quantity <= 0:
            return None
        total += weight * quantity
    return int((total * 1000).to_integral_value())


def value(order: Order) -> Decimal:
    return sum(((number(line["Unit price DKK"]) or 0) * (number(line["Qty"]) or 0) for line in order.lines), Decimal(0))


def postcode(text: str, country: str) -> str:
    """Without blanks and without a country prefix like S-114 55."""
    text = text.upper().strip()
    text = re.sub(rf"^(?:{country}|{country[0]})-", "", text)
    return re.sub(r"\s", "", text)


def parcels(goods: int) -> list[int]:
    """Parcel weights, boxes included: as few parcels as possible, spare grams on the first ones."""
    count = -(-goods // (MAX_PARCEL - BOX))
    share, spare = divmod(goods, count)
    return [share + (1 if i < spare else 0) + BOX for i in range(count)]


def reject_reason(order: Order) -> str | None:
    first = order.first
    if first["Shipping"].lower() not in SERVICES:
        return "BAD_METHOD"
    country = COUNTRIES.get(first["Country"].lower())
    if country is None:
        return "BAD_COUNTRY"
    if not first["Street"]:
        return "NO_STREET"
    if not re.fullmatch(POSTCODES[country], postcode(first["Postcode"], country)):
        return "BAD_POSTCODE"
    if goods_weight(order) is None:
        return "NO_WEIGHT"
    return None


def consignment(order: Order) -> tuple[list[str], list[int]]:
    """The C record with its P records, and the parcel weights."""
    first = order.first
    country, service = COUNTRIES[first["Country"].lower()], SERVICES[first["Shipping"].lower()]
    weights = parcels(goods_weight(order) or 0)
    signed = service == "07" or value(order) >= SIGNATURE_FROM
    ref = f"{ascii_upper(order.number)[:12]:<12}"
    name = ascii_upper(first["Company"] or first["Name"])
    head = (
        f"C{ref}{name[:30]:<30}{ascii_upper(first['Street'])[:30]:<30}{postcode(first['Postcode'], country):<8}"
        f"{ascii_upper(first['City'])[:20]:<20}{country}{service}{len(weights):04d}{sum(weights):07d}{'Y' if signed else 'N'}"
    )
    return [head] + [f"P{ref}{i:03d}{weight:07d}" for i, weight in enumerate(weights, 1)], weights


def build(orders: list[Order], day: date, sequence: int) -> tuple[list[str], list[tuple[str, str]]]:
    """The manifest's records, and (order, reason) of the rejected orders."""
    records = [f"H{CUSTOMER:0>8}{day:%Y%m%d}{sequence:06d}"]
    rejected: list[tuple[str, str]] = []
    weights: list[int] = []
    count = 0
    for order in orders:
        if order.first["Status"].lower() != "paid" or order.first["Shipping"].lower() == COLLECTION:
            continue
        reason = reject_reason(order)
        if reason:
            rejected.append((order.number, reason))
            continue
        lines, grams = consignment(order)
        records += lines
        weights += grams
        count += 1
    records.append(f"T{count:06d}{len(weights):06d}{sum(weights):09d}{sum(weights) % 97:02d}")
    return [record.ljust(RECORD) for record in records], rejected


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("orders", type=Path, help="the shop's export (csv)")
    parser.add_argument("--date", required=True, type=date.fromisoformat, help="manifest date, YYYY-MM-DD")
    parser.add_argument("--sequence", required=True, type=int, help="running number of the manifest")
    parser.add_argument("--out", type=Path, default=Path("manifest.txt"))
    parser.add_argument("--rejects", type=Path, default=Path("rejects.csv"))
    args = parser.parse_args(argv)
    try:
        orders = read_orders(args.orders)
    except (BadExport, OSError) as error:
        print(f"make_manifest: {error}", file=sys.stderr)
        return 2
    records, rejected = build(orders, args.date, args.sequence)
    args.out.write_bytes("".join(record + "\r\n" for record in records).encode("ascii"))
    with args.rejects.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["order", "reason"])
        writer.writerows(rejected)
    print(f"{records[-1][1:7].lstrip('0') or 0} consignments, {len(rejected)} rejected")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
