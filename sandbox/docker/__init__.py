"""The provider `docker`: sandboxes that are containers."""
