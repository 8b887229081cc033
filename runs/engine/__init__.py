"""The engines that carry rounds: one port, DBOS behind it, and one in this process for what is not kept."""
