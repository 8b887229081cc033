from __future__ import annotations

import pytest

from core import Cause, Ended, Fault, cause_row


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_has_a_row_that_hangs_together(cause: Cause) -> None:
    row = cause_row(cause)
    assert row.says
    if row.ended is Ended.harness_crash:
        assert row.fault in {"harness", "infrastructure"}
        assert not row.graded
    if row.fault == "agent":
        assert row.graded
        assert not row.rerun
    if row.rerun:
        assert row.fault in {"harness", "infrastructure", "user"}


def test_a_fault_is_one_line_with_its_cause() -> None:
    fault = Fault(Cause.sandbox_lost, "the process\nended")
    assert str(fault) == "sandbox_lost: the process ended"
    assert fault.cause is Cause.sandbox_lost
