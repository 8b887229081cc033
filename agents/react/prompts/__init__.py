"""The prompts, as plain text files; their digest is part of the agent's identity."""
