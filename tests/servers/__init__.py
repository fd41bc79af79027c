"""Real servers for the tests, brought into a folder of the build and never installed into the system.

`python -m tests.servers fetch` brings them, `tests.servers.fixtures` starts them, `tests.servers.report`
counts what ran against each.
"""
