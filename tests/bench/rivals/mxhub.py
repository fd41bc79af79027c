"""mxhub itself: `serve` + `worker`, and `run` (one Python process and the server it supervises). Both verify
the HMAC, map to OCSF, fsync before the answer, archive, and write `_bulk`.
"""

import sys
from pathlib import Path

from tests.bench.payload import SECRET
from tests.bench.rivals.product import Product
from tests.bench.stand import CHECKOUT

__all__ = ["Mxhub", "MxhubRun"]

_CONFIG = """
listen: "127.0.0.1:{port}"
data: "{folder}/data"
log: {{disk_reserve_mb: 1}}
sources:
  mg: {{vendor: mailguard, secrets: [{secret}]}}
connectors:
  sink: {{kind: opensearch, url: "{sink}", allow_networks: [127.0.0.0/8]}}
"""


class MxhubRun(Product):
    """`mxhub run`."""

    name = "mxhub-run"
    requirement = "this checkout"
    does = "HMAC, OCSF, fsync, archive, bulk"
    path = "/in/mg"
    header = "X-MailGuard-Signature"
    status = 202

    def install(self) -> Path:
        return Path(sys.executable).parents[1]

    def configure(self) -> list[str]:
        self._write()
        return ["mxhub", "run", "--config", "mxhub.yaml"]

    def _write(self) -> None:
        text = _CONFIG.format(port=self.port, folder=self.folder, secret=SECRET.decode(), sink=self.sink_url)
        (self.folder / "mxhub.yaml").write_text(text)


class Mxhub(MxhubRun):
    """`mxhub serve` and `mxhub worker`."""

    name = "mxhub"

    def configure(self) -> list[str]:
        self._write()
        return ["python", "-m", "tests.bench.rivals.pair", str(self.folder)]

    def variables(self) -> dict[str, str]:
        return {"PYTHONPATH": str(CHECKOUT)}

    def own_pids(self) -> list[int]:
        return self.pids()[1:]
