"""A whole small mail filter with made mail, to run beside the hub or in tests."""
