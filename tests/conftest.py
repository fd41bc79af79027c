"""What every test gets: a clean environment, and the real servers' fixtures and account."""

pytest_plugins = ["tests.servers.report", "tests.servers.fixtures"]
