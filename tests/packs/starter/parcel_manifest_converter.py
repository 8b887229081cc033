"""Spoiled variants of the courier manifest script."""

from __future__ import annotations

import re
from pathlib import Path

from tests.packs import spoil


def _script(folder: Path, old: str, new: str) -> None:
    spoil.edit_text(folder, "make_manifest.py", spoil.replacing(old, new))


def _manifest(folder: Path, old: bytes, new: bytes) -> None:
    path = spoil.one(folder, "manifest.txt")
    path.write_bytes(path.read_bytes().replace(old, new))


def unix_line_ends(folder: Path) -> None:
    _manifest(folder, b"\r\n", b"\n")


def old_trailer(folder: Path) -> None:
    """As version 2.1 had it: without the control number."""
    path = spoil.one(folder, "manifest.txt")
    path.write_bytes(re.sub(rb"(T\d{21})\d\d", rb"\1  ", path.read_bytes()))


def one_parcel_heavier(folder: Path) -> None:
    _manifest(folder, b"PTT-9970     0010020893", b"PTT-9970     0010020894")


def consignment_lost(folder: Path) -> None:
    path = spoil.one(folder, "manifest.txt")
    records = path.read_bytes().split(b"\r\n")
    path.write_bytes(b"\r\n".join(one for one in records if b"TT-9970 " not in one))


def todays_sorted_as_text(folder: Path) -> None:
    path = spoil.one(folder, "manifest.txt")
    head, *blocks = path.read_bytes().split(b"\r\nC")
    last, end = blocks[-1].split(b"\r\nT0", 1)
    path.write_bytes(b"\r\nC".join([head, *sorted([*blocks[:-1], last])]) + b"\r\nT0" + end)


def empty_rejects(folder: Path) -> None:
    spoil.edit_csv(folder, "rejects.csv", lambda rows: rows[:1])


def sorted_as_text(folder: Path) -> None:
    _script(folder, "key=lambda order: order.key", "key=lambda order: order.number")


def box_forgotten(folder: Path) -> None:
    _script(folder, "BOX = 400", "BOX = 0")


def spare_grams_on_the_last(folder: Path) -> None:
    _script(folder, "1 if i < spare", "1 if i >= count - spare")


def aa_written_as_a(folder: Path) -> None:
    _script(folder, '"Å": "AA"', '"Å": "A"')


def only_utf8(folder: Path) -> None:
    _script(folder, 'raw.decode("cp1252")', 'raw.decode("utf-8", "replace")')


def signature_above_only(folder: Path) -> None:
    _script(folder, ">= SIGNATURE_FROM", "> SIGNATURE_FROM")


def cancelled_are_rejected(folder: Path) -> None:
    head = "reject_reason(order: Order) -> str | None:\n"
    unpaid = '    if order.first["Status"].lower() != "paid":\n        return "BAD_METHOD"\n'
    _script(folder, head, head + unpaid)
    _script(folder, 'order.first["Status"].lower() != "paid" or ', "")


def weight_guessed(folder: Path) -> None:
    _script(
        folder,
        "            return None\n        total",
        "            weight, quantity = Decimal(1), Decimal(1)\n        total",
    )


def missing_column_is_exit_1(folder: Path) -> None:
    _script(folder, "return 2", "return 1")


def failing_test(folder: Path) -> None:
    spoil.edit_text(
        folder, "test_make_manifest.py", spoil.replacing("AASE BJOERNSEN-GROESSE", "ASE BJORNSEN-GROSSE")
    )


def hollow_tests(folder: Path) -> None:
    body = "".join(f"    def test_{n}(self):\n        self.assertTrue(make_manifest)\n\n" for n in range(9))
    path = spoil.one(folder, "test_make_manifest.py")
    path.write_text(
        f"import unittest\n\nimport make_manifest\n\n\nclass Tests(unittest.TestCase):\n{body}", encoding="utf-8"
    )


def pandas_used(folder: Path) -> None:
    _script(folder, "import unicodedata\n", "import unicodedata\nimport pandas\n")


def readme_without_reasons(folder: Path) -> None:
    spoil.edit_text(folder, "README.md", lambda text: text.split("## Reasons")[0])


SPOILED: spoil.Spoiled = {
    "unix_line_ends": (unix_line_ends, "file-form"),
    "old_trailer": (old_trailer, "todays-totals"),
    "one_parcel_heavier": (one_parcel_heavier, "todays-totals"),
    "consignment_lost": (consignment_lost, "todays-consignments"),
    "todays_sorted_as_text": (todays_sorted_as_text, "todays-order"),
    "empty_rejects": (empty_rejects, "todays-rejects"),
    "sorted_as_text": (sorted_as_text, "selection"),
    "box_forgotten": (box_forgotten, "parcels"),
    "spare_grams_on_the_last": (spare_grams_on_the_last, "parcels"),
    "aa_written_as_a": (aa_written_as_a, "letters"),
    "only_utf8": (only_utf8, "encodings"),
    "signature_above_only": (signature_above_only, "signature"),
    "cancelled_are_rejected": (cancelled_are_rejected, "selection"),
    "weight_guessed": (weight_guessed, "rejects"),
    "missing_column_is_exit_1": (missing_column_is_exit_1, "missing-column"),
    "failing_test": (failing_test, "tests-run"),
    "hollow_tests": (hollow_tests, "tests-notice"),
    "pandas_used": (pandas_used, "third-party"),
    "readme_without_reasons": (readme_without_reasons, "readme"),
}
