"""How the work goes, for those who lead: coverage, what is behind, agreement, figures, runs and their trials."""
