"""Who reviews what: slots of submissions, leases on them, and when a submission is settled."""
