"""Run with: python3 -m unittest -v"""

import csv
import tempfile
import unittest
from datetime import date
from pathlib import Path

import make_manifest as mm

HEAD = list(mm.COLUMNS)
GOOD = {
    "Order no": "TT-5001", "Status": "paid", "Name": "Åse Bjørnsen", "Company": "", "Street": "Søndergade 4",
    "Postcode": "8000", "City": "Aarhus C", "Country": "Denmark", "Shipping": "Standard", "SKU": "YRN-1", "Qty": "2",
    "Unit weight kg": "0,350", "Unit price DKK": "129,00",
}


class Manifest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.dir = Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def export(self, *rows, encoding="utf-8-sig", head=HEAD):
        path = self.dir / "orders.csv"
        with path.open("w", encoding=encoding, newline="") as handle:
            writer = csv.DictWriter(handle, head, delimiter=";", extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**GOOD, **row} for row in rows)
        return path

    def run_on(self, *rows, **how):
        path = self.export(*rows, **how)
        out, rejects = self.dir / "m.txt", self.dir / "r.csv"
        code = mm.main([str(path), "--date", "2025-11-03", "--sequence", "7", "--out", str(out), "--rejects", str(rejects)])
        self.assertEqual(code, 0)
        with rejects.open(newline="") as handle:
            return out.read_bytes().decode("ascii").split("\r\n")[:-1], list(csv.reader(handle))[1:]

    def test_every_record_has_120_characters(self):
        records, _ = self.run_on({})
        self.assertEqual({len(record) for record in records}, {120})

    def test_header(self):
        records, _ = self.run_on({})
        self.assertEqual(records[0].rstrip(), "H0004071820251103000007")

    def test_letters(self):
        self.assertEqual(mm.ascii_upper("Åse Bjørnsen-Größe,  Café ☕ 5"), "AASE BJOERNSEN-GROESSE, CAFE 5")

    def test_both_encodings(self):
        one, _ = self.run_on({}, encoding="cp1252")
        two, _ = self.run_on({}, encoding="utf-8-sig")
        self.assertEqual(one, two)
        self.assertIn("AASE BJOERNSEN", one[1])

    def test_split(self):
        self.assertEqual(mm.parcels(29_600), [30_000])
        self.assertEqual(mm.parcels(29_601), [15_201, 15_200])
        self.assertEqual(len(mm.parcels(59_201)), 3)

    def test_lines_of_an_order_are_added(self):
        blank = {name: "" for name in HEAD}
        records, _ = self.run_on({}, {**blank, "Order no": "TT-5001", "Qty": "1", "Unit weight kg": "1,300"})
        self.assertEqual(records[2].rstrip(), "PTT-5001     0010002400")

    def test_signature(self):
        for row, sign in (({"Unit price DKK": "749,99"}, "N"), ({"Unit price DKK": "750,00"}, "Y"), ({"Shipping": "Express"}, "Y")):
            records, _ = self.run_on(row)
            self.assertEqual(records[1][116], sign)

    def test_rejects(self):
        for row, reason in (
            ({"Country": "Iceland"}, "BAD_COUNTRY"), ({"Postcode": "800"}, "BAD_POSTCODE"), ({"Street": ""}, "NO_STREET"),
            ({"Unit weight kg": ""}, "NO_WEIGHT"), ({"Shipping": "Drone"}, "BAD_METHOD"),
        ):
            records, rejected = self.run_on(row)
            self.assertEqual(rejected, [["TT-5001", reason]])
            self.assertEqual(len(records), 2)

    def test_left_out_silently(self):
        records, rejected = self.run_on({"Status": "cancelled"}, {"Order no": "TT-5002", "Shipping": "Store collection"})
        self.assertEqual((len(records), rejected), (2, []))

    def test_order_and_trailer(self):
        records, _ = self.run_on({"Order no": "TT-10001"}, {"Order no": "TT-9999"})
        self.assertEqual([record[1:13].strip() for record in records if record[0] == "C"], ["TT-9999", "TT-10001"])
        self.assertEqual(records[-1].rstrip(), f"T000002000002000002200{2200 % 97:02d}")

    def test_missing_column(self):
        path = self.export({}, head=[name for name in HEAD if name != "Qty"])
        out = self.dir / "none.txt"
        self.assertEqual(mm.main([str(path), "--date", "2025-11-03", "--sequence", "7", "--out", str(out)]), 2)
        self.assertFalse(out.exists())

    def test_postcodes(self):
        self.assertEqual(mm.postcode("S-114 55", "SE"), "11455")
        self.assertEqual(mm.postcode("1016 gv", "NL"), "1016GV")

    def test_date_is_a_date(self):
        with self.assertRaises(SystemExit):
            mm.main(["x.csv", "--date", "3/11/25", "--sequence", "1"])
        self.assertEqual(f"{date(2025, 11, 3):%Y%m%d}", "20251103")


if __name__ == "__main__":
    unittest.main()
