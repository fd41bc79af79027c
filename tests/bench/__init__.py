"""How fast, how soon, how small: `make bench [ONLY=name]`. Every row is a module in `tests.bench.rows`."""
