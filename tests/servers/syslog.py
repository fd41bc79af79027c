"""rsyslog and syslog-ng as Debian has them. Both want to be the machine's only one, so they are unpacked,
never installed, and run side by side on ports of their own.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.sdk.testing import Identity, TestCa
from tests.servers import debian
from tests.servers.place import scratch, servers_dir

__all__ = ["Ports", "Rsyslog", "SyslogNg", "SyslogProcess", "fetch_rsyslog", "fetch_syslog_ng", "is_there"]

START_S = 60.0
VERSION = re.compile(r"(?:rsyslogd +|syslog-ng [^(]*\()(\d+(?:\.\d+)+)")
SIZE = 65_536
"""The longest message that both take here, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where a receiver listens on 127.0.0.1."""

    udp: int
    tcp: int
    """Octet counting."""
    lf: int
    tls: int
    """Octet counting; a client certificate of the CA is asked for."""


def root_of(name: str) -> Path:
    return servers_dir() / name


def program_of(name: str) -> Path:
    return root_of(name) / "usr/sbin" / ("rsyslogd" if name == "rsyslog" else "syslog-ng")


def is_there(name: str) -> bool:
    """Whether `rsyslog` or `syslog-ng` was brought."""
    return program_of(name).exists()


def environment_of(name: str) -> dict[str, str]:
    own = root_of(name) / "usr/lib/syslog-ng"
    return {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": f"{debian.library_path(root_of(name))}:{own}"}


def version_of(name: str) -> str:
    """As it says it. Raises `RuntimeError` when it does not run."""
    done = subprocess.run(
        [program_of(name), "-v" if name == "rsyslog" else "--version"],
        capture_output=True, text=True, timeout=60, env=environment_of(name),
    )  # fmt: skip
    found = VERSION.search(done.stdout)
    if found is None:
        raise RuntimeError(f"{name} does not run: {(done.stdout + done.stderr).strip()[:300]}")
    return found[1]


def fetch_rsyslog() -> str:
    """Bring it unless it is there; returns its version. Raises `RuntimeError` saying what failed."""
    if not is_there("rsyslog"):
        debian.unpack(["rsyslog", "rsyslog-gnutls"], root_of("rsyslog"))
    return version_of("rsyslog")


def fetch_syslog_ng() -> str:
    """Bring it unless it is there; returns its version. Raises `RuntimeError` saying what failed."""
    if not is_there("syslog-ng"):
        debian.unpack(["syslog-ng-core"], root_of("syslog-ng"))
    return version_of("syslog-ng")


class SyslogProcess:
    """One receiver in a folder of its own, which goes with it."""

    name: str

    def __init__(self) -> None:
        self.folder = scratch(self.name)
        self.ca = TestCa(self.folder)
        self.identity = self.ca.issue("server")
        self.ports = Ports(**dict(zip(("udp", "tcp", "lf", "tls"), _free_ports(), strict=True)))
        self.out = self.folder / "out.ndjson"
        self.process: subprocess.Popen[bytes] | None = None

    def config(self) -> str:
        """Its configuration file."""
        raise NotImplementedError

    def arguments(self, config: Path) -> list[str]:
        """Of its command."""
        raise NotImplementedError

    def read(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """A line of its output as pri, host, app, msgid, sd and msg."""
        raise NotImplementedError

    def awaited(self) -> tuple[int, ...]:
        """Ports that tell whether it is up."""
        return (self.ports.tcp, self.ports.lf, self.ports.tls)

    def start(self) -> None:
        """Start (again) on the same ports. Raises `RuntimeError` with what it said."""
        config = self.folder / "conf"
        config.write_text(self.config())
        with (self.folder / "said").open("ab") as said:
            self.process = subprocess.Popen(
                [program_of(self.name), *self.arguments(config)],
                stdout=said, stderr=subprocess.STDOUT, cwd=self.folder, env=environment_of(self.name),
            )  # fmt: skip
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up and self.process.poll() is None:
            if all(map(_listens, self.awaited())):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not come up: {(self.folder / 'said').read_text()[-1500:]}")

    def kill(self) -> None:
        """`kill -9`, as a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End it and remove its folder."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def clear(self) -> None:
        """Forget what was received."""
        if self.out.exists():
            os.truncate(self.out, 0)

    def received(self) -> list[dict[str, Any]]:
        """Everything so far, in order of arrival."""
        raw = self.out.read_bytes() if self.out.exists() else b""
        lines: Iterable[bytes] = raw.split(b"\n")[:-1]
        return [self.read(json.loads(line)) for line in lines if line]


class Rsyslog(SyslogProcess):
    """rsyslogd; `tcp` and `lf` are two ports of one input, which tells the framing of each message."""

    name = "rsyslog"

    def arguments(self, config: Path) -> list[str]:
        modules = next((root_of(self.name) / "usr/lib").glob("*/rsyslog"))
        return ["-n", "-M", str(modules), "-f", str(config), "-i", str(self.folder / "pid")]

    def config(self) -> str:
        ports = self.ports
        fields = ["pri", "hostname", "app-name", "procid", "msgid", "timereported", "msg"]
        listed = "".join(f'property(outname="{one}" name="{one}" format="jsonf")\n' for one in fields)
        return f"""
global(workDirectory="{self.folder}" maxMessageSize="{SIZE}"
  defaultNetstreamDriverCAFile="{self.ca.file}"
  defaultNetstreamDriverCertFile="{self.identity.cert}" defaultNetstreamDriverKeyFile="{self.identity.key}")
module(load="imudp")
module(load="imtcp")
module(load="mmpstrucdata")
template(name="out" type="list" option.jsonf="on") {{
{listed}property(outname="sd" name="$!rfc5424-sd" format="jsonf") }}
ruleset(name="out" queue.type="direct") {{
  action(type="mmpstrucdata")
  action(type="omfile" file="{self.out}" template="out" asyncWriting="off" fileCreateMode="0644")
}}
input(type="imudp" address="127.0.0.1" port="{ports.udp}" ruleset="out")
input(type="imtcp" address="127.0.0.1" port="{ports.tcp}" ruleset="out")
input(type="imtcp" address="127.0.0.1" port="{ports.lf}" ruleset="out")
input(type="imtcp" address="127.0.0.1" port="{ports.tls}" ruleset="out" streamDriver.name="gtls"
  streamDriver.mode="1" streamDriver.authMode="x509/name" permittedPeer=["client", "localhost"])
"""

    def read(self, line: Mapping[str, Any]) -> dict[str, Any]:
        data = line["sd"]
        parsed = json.loads(data) if isinstance(data, str) and data else data or {}
        return {
            "pri": int(line["pri"]),
            "host": line["hostname"],
            "app": line["app-name"],
            "msgid": line["msgid"],
            "sd": next(iter(parsed.values()), {}),
            "msg": line["msg"],
        }


class SyslogNg(SyslogProcess):
    """syslog-ng: an own source for each framing."""

    name = "syslog-ng"

    def arguments(self, config: Path) -> list[str]:
        modules = next((root_of(self.name) / "usr/lib/syslog-ng").glob("3.*"))
        files = {
            "-f": config,
            "-p": self.folder / "pid",
            "-c": self.folder / "ctl",
            "-R": self.folder / "persist",
        }
        listed = [word for flag, file in files.items() for word in (flag, str(file))]
        return ["-F", "--no-caps", "--module-path", str(modules), *listed]

    def config(self) -> str:
        ports = self.ports
        at = f'ip("127.0.0.1") log-msg-size({SIZE})'
        values = "".join(
            f' sd.{name}=\\"${{.SDATA.mxhub@32473.{name}}}\\"' for name in ("id", "tenant", "source", "code")
        )
        return f"""@version: 3.38
options {{ keep-hostname(yes); use-dns(no); stats-freq(0); flush-lines(1); }};
source s {{
  syslog({at} port({ports.udp}) transport("udp"));
  syslog({at} port({ports.tcp}) transport("tcp"));
  network({at} port({ports.lf}) transport("tcp") flags(syslog-protocol));
  syslog({at} port({ports.tls}) transport("tls") tls(key-file("{self.identity.key}")
    cert-file("{self.identity.cert}") ca-file("{self.ca.file}") peer-verify(required-trusted)));
}};
destination d {{ file("{self.out}" perm(0644) template("$(format-json pri=\\"$PRI\\" host=\\"$HOST\\"\
 app=\\"$PROGRAM\\" msgid=\\"$MSGID\\" msg=\\"$MSG\\"{values})\\n")); }};
log {{ source(s); destination(d); }};
"""

    def read(self, line: Mapping[str, Any]) -> dict[str, Any]:
        return {**line, "pri": int(line["pri"]), "sd": line.get("sd", {})}


def client_of(server: SyslogProcess, name: str = "client") -> Identity:
    """A certificate that it accepts."""
    return server.ca.issue(name)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_ports() -> list[int]:
    probes = [socket.socket() for _ in range(4)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports
