"""The installed command as a process of its own, as its user would start it."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any, Self, TypeVar

import orjson

from hub.store.embedded.server import running_socket

__all__ = ["MXHUB", "HubProcess", "clean_environment", "mxhub", "until"]

MXHUB = Path(sys.executable).with_name("mxhub")
"""The command that `make setup` leaves."""
T = TypeVar("T")


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment without what would configure mxhub."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MXHUB_")}
    return own | {"COLUMNS": "160", "NO_COLOR": "1"} | extra


def mxhub(
    *arguments: str, cwd: Path, timeout_s: float = 60, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [MXHUB, *arguments],
        cwd=cwd,
        env=clean_environment(**extra),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def until(look: Callable[[], T], within_s: float = 20.0, every_s: float = 0.05) -> T:
    """The first truthy answer of `look`; fails when none comes in time."""
    ends = time.monotonic() + within_s
    while True:
        if found := look():
            return found
        assert time.monotonic() < ends, f"it did not come to pass within {within_s:g} s"
        time.sleep(every_s)


class HubProcess:
    """`with HubProcess(folder, ...)`: started and answering; ended, and its server with it, at the end.

    `data` is where its `runtime.json` shows up: the folder of `--data`, or `.mxhub` below the working folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        command: str = "run",
        config: str | None = None,
        listen: str | None = "127.0.0.1:0",
        name: str = "hub",
        options: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.command = command
        self.name = name
        self.data = folder / ".mxhub"
        self.config = None if config is None else folder / "mxhub.yaml"
        if self.config is not None and config is not None:
            self.config.write_text(config)
        self._listen = listen
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def start(self) -> None:
        """Start and wait until it answers (a worker: until its process lives)."""
        listen = [] if self._listen is None else ["--listen", self._listen]
        arguments = [str(MXHUB), self.command, *listen, *self._options]
        with self._file("out").open("ab") as out, self._file("err").open("ab") as err:
            self._process = subprocess.Popen(
                arguments, cwd=self.folder, env=clean_environment(), stdout=out, stderr=err
            )
        if self.command != "worker":
            until(self._ready, 30.0)

    def _ready(self) -> bool:
        assert self.process.poll() is None, f"it ended:\n{self.said()}"
        try:
            return self.get("/readyz")[0] == 200
        except (OSError, ValueError):
            return False

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    def _file(self, kind: str) -> Path:
        return self.folder / f"{self.name}.{kind}"

    def out(self) -> str:
        """Everything on standard output so far."""
        return self._file("out").read_text(errors="replace")

    def said(self) -> str:
        """Both outputs, for a failed test."""
        return self.out() + self._file("err").read_text(errors="replace")[-6000:]

    @property
    def url(self) -> str:
        """Base of its HTTP listener."""
        return str(json.loads((self.data / "runtime.json").read_text())["url"])

    @property
    def core(self) -> str:
        """Base of the API of the core beside it."""
        runtime = self.data / "runtime.json"
        return str(until(lambda: json.loads(runtime.read_text()).get("core"), 60)["api"])

    def core_asked(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        session: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON of a request to the core, `path` below `/api/v1`; with a key, or with the headers
        of a session (`core_signed_in`).
        """
        headers = {"Authorization": f"Bearer {key}"} if key else dict(session or {})
        data = None if body is None else orjson.dumps(body)
        asked = urllib.request.Request(f"{self.core}/api/v1{path}", data, headers, method=method)
        status, said = self._ask(asked)
        return status, orjson.loads(said)

    def core_signed_in(self, login: str, password: str) -> dict[str, str]:
        """What requests of that person carry."""
        body = orjson.dumps({"login": login, "password": password})
        with urllib.request.urlopen(f"{self.core}/api/v1/sessions", body, timeout=10) as answer:
            cookie = answer.headers["Set-Cookie"].partition(";")[0]
            csrf = orjson.loads(answer.read())["data"]["csrf_token"]
        return {"Cookie": cookie, "X-CSRF-Token": csrf}

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body of a GET."""
        return self._ask(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        """Status and JSON of a POST."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        status, said = self._ask(urllib.request.Request(self.url + path, data=body, headers=named))
        return status, orjson.loads(said)

    @staticmethod
    def _ask(request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def ask(self, *arguments: str, exit_code: int | None = 0) -> Any:
        """A client command with `--json`: its JSON."""
        return orjson.loads(self._json(arguments, exit_code))

    def lines(self, *arguments: str) -> list[Any]:
        """A client command with `--json` that prints an object a line."""
        return [orjson.loads(line) for line in self._json(arguments, 0).splitlines()]

    def _json(self, arguments: tuple[str, ...], exit_code: int | None) -> str:
        done = mxhub(*arguments, "--json", "--data", str(self.data), cwd=self.folder)
        if exit_code is not None:
            assert done.returncode == exit_code, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def rss(self) -> int:
        """Resident bytes of its process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, number: int = SIGTERM, within_s: float = 15.0) -> int:
        """End it; returns its exit code."""
        self.send(number)
        return self.process.wait(within_s)

    def kill(self) -> None:
        """`kill -9`; its server goes on without it."""
        self.process.kill()
        self.process.wait()

    def kill_server(self, data: Path) -> None:
        """End a server that a killed hub left behind."""
        import redis

        if (socket := running_socket(data)) is not None:
            with redis.Redis(unix_socket_path=str(socket)) as client:
                os.kill(client.info("server")["process_id"], SIGKILL)
