"""What a data directory says about itself: the version of its layout, and which server wrote its log."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from hub.store.embedded.binary import ServerBinary
from hub.store.embedded.errors import WrongServer, WrongState

__all__ = [
    "CURRENT",
    "MIGRATIONS",
    "RESTORING",
    "State",
    "check_server",
    "load_state",
    "open_state",
    "remember_server",
    "save_state",
]

CURRENT = 1
MIGRATIONS: Mapping[int, Callable[[Path], None]] = {}
"""From version -> the step that brings the directory to the next one."""
NAME = "state.json"
RESTORING = "restoring"
"""The folder that a restore works in; where it is left, the restore was interrupted."""


class State(msgspec.Struct, omit_defaults=True, frozen=True):
    version: int
    server: str = ""
    """`valkey` or `redis`: who wrote the log; empty before the first start."""
    server_version: str = ""


def load_state(data: Path) -> State | None:
    """What the directory says, or `None` for a new one.

    Raises `WrongState` when the file cannot be understood.
    """
    path = data / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise WrongState(
            f"{path} cannot be read ({error}); restore it or name another data directory"
        ) from error


def save_state(data: Path, state: State) -> None:
    """Replace the state file in one durable step."""
    part = data / f"{NAME}.part"
    with part.open("wb") as file:
        file.write(msgspec.json.encode(state) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    part.rename(data / NAME)
    _sync_folder(data)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_state(
    data: Path, *, current: int = CURRENT, steps: Mapping[int, Callable[[Path], None]] = MIGRATIONS
) -> State:
    """The state of a directory that this mxhub may use: made when new, migrated step by step when older.

    Raises `WrongState` when a newer mxhub wrote it, when it is older than any step knows, or when a restore
    into it was interrupted.
    """
    if (data / RESTORING).exists():
        raise WrongState(f"a restore into {data} was interrupted: run mxhub restore again")
    state = load_state(data)
    if state is None:
        state = State(current)
        save_state(data, state)
    if state.version > current:
        raise WrongState(
            f"{data} was written by a newer mxhub (state version {state.version}, this one knows {current});"
            f" start the newer one, or name another data directory"
        )
    while state.version < current:
        step = steps.get(state.version)
        if step is None:
            raise WrongState(f"{data} has state version {state.version}, which this mxhub cannot migrate")
        step(data)
        state = msgspec.structs.replace(state, version=state.version + 1)
        save_state(data, state)
    return state


def check_server(data: Path, state: State, binary: ServerBinary) -> None:
    """Raises `WrongServer` when another or a newer server wrote the log and this one cannot read that."""
    if state.server and not binary.reads(state.server, state.server_version):
        raise WrongServer(
            f"{data} was written by {state.server} {state.server_version}, and {binary.name} {binary.version}"
            f" ({binary.path}) cannot read that; install {state.server} {state.server_version} or newer"
        )


def remember_server(data: Path, state: State, binary: ServerBinary) -> State:
    """Note who writes the log, once it runs: a failed start must not shut the older one out."""
    if (state.server, state.server_version) == (binary.name, binary.version):
        return state
    written = msgspec.structs.replace(state, server=binary.name, server_version=binary.version)
    save_state(data, written)
    return written
