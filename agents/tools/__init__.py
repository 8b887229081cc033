"""The tools of the react agent, one small module each."""
