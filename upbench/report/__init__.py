"""The report: one self-contained page, and the same figures as JSON and CSV."""

from upbench.report.write import write_report as write_report
