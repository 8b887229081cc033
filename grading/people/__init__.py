"""Who may review: people, their roles, and how they prove who they are."""
