"""What every test gets: a clean environment, the real servers, and the account of what ran."""

pytest_plugins = [
    "tests.weight",
    "tests.spread",
    "tests.servers.report",
    "tests.servers.fixtures",
    "tests.vendors.report",
]
