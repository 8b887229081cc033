"""Records (SQL) and blobs (files by sha256), and the runner of the rooms' migrations."""
