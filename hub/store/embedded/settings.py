"""The embedded server's configuration file."""

from pathlib import Path

__all__ = ["DEFAULT_MAXMEMORY", "EXPECTED", "REWRITE_PERCENTAGE", "write_settings"]

DEFAULT_MAXMEMORY = 1024 * 1024 * 1024
MIB = 1024 * 1024
REWRITE_PERCENTAGE = "100"
EXPECTED = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory-policy": "noeviction",
}
"""What durability rests on; an adopted server must have the same."""
FIXED = {
    **EXPECTED,
    "aof-load-truncated": "yes",
    "aof-use-rdb-preamble": "yes",
    "auto-aof-rewrite-percentage": REWRITE_PERCENTAGE,
    "auto-aof-rewrite-min-size": "16mb",
    "save": '""',
    "port": "0",
    "unixsocketperm": "600",
    "daemonize": "no",
    "databases": "16",
    "loglevel": "notice",
    "timeout": "0",
    "tcp-keepalive": "0",
    "stream-node-max-bytes": "65536",
}


def write_settings(folder: Path, *, socket: Path, log: Path, maxmemory_bytes: int) -> Path:
    """Write `server.conf` (0600) into the server's folder and return its path.

    Raises `ValueError` for a memory limit under 16 MiB: the server itself needs a few.
    """
    if maxmemory_bytes < 16 * MIB:
        raise ValueError(f"maxmemory must be at least 16 MiB, not {maxmemory_bytes} bytes")
    settings = {
        **FIXED,
        "maxmemory": str(maxmemory_bytes),
        "dir": _quoted(folder),
        "unixsocket": _quoted(socket),
        "logfile": _quoted(log),
    }
    path = folder / "server.conf"
    path.touch(mode=0o600)
    path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    return path


def _quoted(path: Path) -> str:
    """A path as a double-quoted string of the configuration's own syntax."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
