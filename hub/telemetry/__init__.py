"""How the hub tells what it does: log lines, metrics, and happenings that write both."""
