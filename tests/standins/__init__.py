"""Stand-ins of services that tests talk to over the loopback."""
