"""The provider `e2b`: a sandbox is a cloud machine of E2B in which the supervisor runs."""
