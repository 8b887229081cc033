"""What differs between two submissions of one job: files, lines, cells, pages."""
