"""What runs inside a sandbox; also on the host in throw-away namespaces, to show that it works."""
