"""The review app: a queue of blind submissions, one page to grade each, verdicts that lock."""
