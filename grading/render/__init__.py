"""Deliverables as text with anchors and machine facts, made in a grading sandbox."""
