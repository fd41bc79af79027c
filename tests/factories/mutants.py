"""Scripts with one guard taken out, to show that the tests would notice.

A guard is the lines of a script that end in `-- guard:<name>`. The product knows nothing of this: a test
hands the mutated texts to `Scripts(sources)`; a process under test calls `install` at its start.
"""

import os
import re
from importlib import resources

from hub.store import scripts

__all__ = ["guards", "install", "without"]

_TAG = re.compile(r"-- guard:(\w+)$", re.MULTILINE)
SHARED = {("unblock", "stood"), ("pause", "paused")}
"""Guards in parts that several scripts share, each with a script by which to reach it."""


def guards() -> set[tuple[str, str]]:
    """Every `(script, guard)` there is."""
    folder = resources.files("hub.store") / "lua"
    own = {
        (f.name[:-4], tag)
        for f in folder.iterdir()
        if f.name.endswith(".lua")
        for tag in _TAG.findall(f.read_text())
    }
    return own | SHARED


def without(script: str, guard: str) -> dict[str, str]:
    """`{script: its text without the guard}`.

    Raises `LookupError` when the script has no such guard.
    """
    text = scripts.script_sources()[script]
    kept = [line for line in text.split("\n") if not line.endswith(f"-- guard:{guard}")]
    if len(kept) == text.count("\n") + 1:
        raise LookupError(f"{script} has no guard named {guard}")
    return {script: "\n".join(kept)}


def install() -> None:
    """Take the guard out that `MXHUB_MUTATE=<script>:<guard>` names, for this whole process."""
    named = os.environ.get("MXHUB_MUTATE")
    if named:
        mutated = {**scripts.script_sources(), **without(*named.split(":"))}
        scripts.script_sources = lambda: mutated  # type: ignore[assignment] # this process is a test's
