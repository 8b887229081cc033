"""The processes that carry rounds: how they prove that they live, take up what the dead left, and stop."""
