"""Templates of the alerting connectors: a folder a connector, a file an alert's kind. Only data."""
