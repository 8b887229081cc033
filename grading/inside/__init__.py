"""The program that runs inside a grading sandbox (`python3 grading/inside check|render|try ...`).

It stands alone: standard library and toolbox only; nothing of the harness is imported here.
Toolbox packages are loaded when they are first needed, so that a csv costs no pandas.
"""
