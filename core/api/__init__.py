"""The service's own API: one module a resource, each with its `ROUTES`. Dialects are in `core.dialects`."""
