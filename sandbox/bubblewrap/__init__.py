"""The provider `bwrap`: sandboxes of Linux namespaces, without a daemon."""
