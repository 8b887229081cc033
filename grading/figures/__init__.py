"""From lines of evaluation to every figure of a report: gather, judge by policy and basis, count."""
