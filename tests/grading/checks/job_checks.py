"""A job's `checks.py` for the tests: it is carried out by the program, never imported by a test."""

import os
import sys
import time
from typing import Any

WANTED = 411.85


def passes(ctx: Any) -> Any:
    table = ctx.table("order.xlsx", "summary")
    body = table[table["Item"] != "Total"]
    assert list(body["Qty"]) == [4, 2, 3]
    if abs(body["Net"].sum() - WANTED) > 0.005:
        return ctx.failed(f"net is {body['Net'].sum()}", file="order.xlsx")
    return ctx.passed("net adds up", file=ctx.one("*.xlsx"), anchor="Summary!D5")


def fails(ctx: Any) -> Any:
    return ctx.failed("the total is wrong", file="order.xlsx", anchor="Summary!D5")


def abstains(ctx: Any) -> Any:
    return ctx.cannot_judge("nobody can tell")


def everything(ctx: Any) -> Any:
    assert [path.name for path in ctx.files("*.pdf")] == ["broken.pdf", "invoice.pdf", "locked.pdf"]
    assert "4.2 %" in ctx.text("report.docx")
    assert "Say thanks" in ctx.text("deck.pptx")
    assert "deleted words" not in ctx.text("report.docx")
    assert len(ctx.words("It's a well-kept list, isn't it")) == 6
    assert ctx.workbook("order.xlsx")["Summary"]["D5"].value == WANTED
    assert ctx.formulas("order.xlsx")["Summary"]["D5"].value == "=SUM(D2:D4)"
    assert len(ctx.document("report.docx").tables) == 1
    assert len(ctx.slides("deck.pptx").slides) == 4
    people = ctx.table("people.csv")
    assert list(people["Id"])[:3] == ["001", "002", "003"]
    assert len(people) == 4
    assert people["Name"].isna().sum() == 1
    assert ctx.table("messy.csv")["Id"].sum() == 5
    numbers = [
        "$1,234.50",
        "(12)",
        "3 %",
        "1.234,5",
        "12 345",
        "-7",
        "USD 5",
        2,
        "n/a",
        "",
        None,
        True,
        "12 items",
    ]
    found = [ctx.number(value) for value in numbers]
    assert found == [1234.5, -12.0, 0.03, 1234.5, 12345.0, -7.0, 5.0, 2.0] + [None] * 5, found
    assert (ctx.inputs / "order.xlsx").is_file()
    return ctx.passed()


def missing(ctx: Any) -> Any:
    return ctx.passed(ctx.text(ctx.one("no-such-*.docx")))


def broken_file(ctx: Any) -> Any:
    return ctx.passed(str(ctx.workbook("cut.xlsx").sheetnames))


def missing_column(ctx: Any) -> Any:
    return ctx.passed(str(ctx.table("order.xlsx")["Postcode"].sum()))


def missing_sheet(ctx: Any) -> Any:
    return ctx.passed(str(ctx.workbook("order.xlsx")["Nowhere"]))


def wrong_value(ctx: Any) -> Any:
    return ctx.passed(str(float("twelve")))


def unknown_function(ctx: Any) -> Any:
    return ctx.passed(str(ctx.workbook("unknown.xlsx").active["B3"].value))


def unknown_elsewhere(ctx: Any) -> Any:
    return ctx.passed(str(ctx.workbook("unknown.xlsx").active["B4"].value))


def programming_error(ctx: Any) -> Any:
    return ctx.passed(ctx.no_such_name)


def returns_true(ctx: Any) -> Any:
    return True


def returns_nothing(ctx: Any) -> Any:
    pass


def leaves(ctx: Any) -> Any:
    sys.exit(0)


def dies(ctx: Any) -> Any:
    os._exit(0)


def endless(ctx: Any) -> Any:
    while True:
        pass


def sleeps_in_children(ctx: Any) -> Any:
    if os.fork() == 0:
        time.sleep(3600)
    time.sleep(3600)


def eats_memory(ctx: Any) -> Any:
    return ctx.passed(str(len(bytearray(64 << 30))))


def talks(ctx: Any) -> Any:
    print('{"outcomes": []}')
    sys.stderr.write("x" * 100_000)
    return ctx.passed("z" * 5000)


def writes(ctx: Any) -> Any:
    (ctx.deliverables / "forged.txt").write_text("x")
    return ctx.passed("it could write")
