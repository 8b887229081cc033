"""Rubrics from elsewhere: the paper's lines, PaperBench trees, ACE tables."""
