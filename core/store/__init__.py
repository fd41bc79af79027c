"""The state of the filter service on SQLite: one module a table, every function takes an open transaction."""
