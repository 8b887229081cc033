"""Model clients: one seam `ChatModel`, and its providers."""
