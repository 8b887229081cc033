"""envd: the program inside every E2B sandbox, which runs its commands and reads and writes its files."""
