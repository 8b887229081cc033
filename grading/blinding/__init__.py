"""What in a deliverable tells its reviewer who made it: names of agents, models and vendors."""
