"""Carrying out a rubric's deterministic checks, in a grading sandbox."""
