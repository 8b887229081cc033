"""What a sandbox may reach: the policy, the gate that enforces it, and pages fetched outside a sandbox."""
