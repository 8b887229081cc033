"""Who holds which sandbox, and removing what nobody holds any more."""
