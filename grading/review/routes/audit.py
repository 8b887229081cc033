"""The audit log, for administrators and their programs."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from grading.people.audit import read_audit, verify_audit
from grading.people.people import People
from grading.review.routes.parts import Parts

ROWS = 200
_MOST = 1000
Number = Annotated[int | None, Query(ge=1, le=2**53)]


def add_audit(app: FastAPI, parts: Parts, people: People) -> None:
    """`/people/audit`, `/api/audit`: newest first, in pages; the newest one says whether the chain is whole."""

    @app.get("/people/audit")
    def audit(request: Request, before: Number = None) -> Response:
        rows = read_audit(people.database, last=ROWS, before=before)
        values = {
            "rows": rows,
            "state": verify_audit(people.database) if before is None else None,
            "logins": {account.id: account.login for account in people.list()},
            "older": rows[-1].number if rows and rows[-1].number > 1 else None,
            "newer": None if before is None else before + ROWS,
        }
        return parts.page(request, "people/audit.html.j2", **values)

    @app.get("/api/audit")
    def audit_rows(before: Number = None, last: int = ROWS) -> Response:
        rows = read_audit(people.database, last=max(1, min(last, _MOST)), before=before)
        body = {"rows": [vars(row) for row in rows]}
        return JSONResponse(body | ({"state": vars(verify_audit(people.database))} if before is None else {}))
