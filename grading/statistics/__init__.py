"""What can be said before a run, and how sure one is after it. Pure functions over numbers."""
