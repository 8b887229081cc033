"""A language model as a pre-grader: one criterion a call, quotations verified by code, never the last word."""
