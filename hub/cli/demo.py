"""The demo: a sandbox MailGuard beside the hub, its webhooks and polls as a real vendor's would come."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from hub.app.backup.manifest import Extras
from hub.cli.errors import Unreachable, Usage
from hub.cli.product import Product
from hub.config.load import Loaded, load_text
from hub.config.model import Settings
from hub.store.embedded.state import RESTORING

__all__ = ["EXTRAS", "Demo"]

SOURCE = "mailguard-demo"
CORE = "127.0.0.1:8788"
EXTRAS = Extras(
    folder="demo",
    files=(
        *("webhook-secret", "sandbox/mailguard.sqlite3"),
        *("sandbox/api-key", "sandbox/admin-key", "sandbox/audit.key"),
    ),
)
"""What a back-up of the demo takes beside the hub's own: the sandbox's state."""


def _secret(folder: Path) -> str:
    """The webhook secret of this demo, the same at every start."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "webhook-secret"
    if not path.exists():
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token_hex(24))
    return path.read_text()


class Demo:
    """Settings without a file, in a folder of their own, and the sandbox that feeds them."""

    def __init__(self, loaded: Loaded) -> None:
        self._base = loaded.settings.data
        if (self._base / RESTORING).exists():
            raise Usage(f"a restore into {self._base} was interrupted: run mxhub restore again")
        self._folder = self._base / "demo"
        self._listen = loaded.settings.listen
        self._secret = _secret(self._folder)
        self.loaded = replace(loaded, settings=self._settings(None))

    def _settings(self, sandbox: Any) -> Settings:
        """With the sandbox as a source once its address and key are known."""
        source = ""
        if sandbox is not None:
            source = f"""
sources:
  {SOURCE}:
    vendor: mailguard
    tenant: demo
    url: {sandbox.api_url}
    api_key: {sandbox.api_key}
    secrets: [{self._secret}]
    allow_networks: [127.0.0.0/8]
    polls: {{audit: {{every_s: 15}}, quarantine: {{every_s: 15}}}}
"""
        text = f"""
listen: "{self._listen}"
data: "{self._folder}"
tenant: demo
connectors:
  everything: {{kind: file, path: "{self._folder / "events.ndjson"}"}}
  alerts: {{kind: file, path: "{self._folder / "alerts.ndjson"}", match: [{{severity: ">=3"}}]}}
core: {{listen: "{CORE}"}}
{source}"""
        return load_text(text, model=Product)

    @asynccontextmanager
    async def beside(self, together: Any) -> AsyncIterator[None]:
        """Start the sandbox and make it the hub's source; stop it first at the end."""
        from core.sandbox.mailguard import MailGuardSandbox
        from hub.cli.together import core_troubles

        shutil.copyfile(self._folder / "runtime.json", self._base / "runtime.json")
        url = f"{together.hub.url}/in/{SOURCE}"
        try:
            async with AsyncExitStack() as stack:
                sandbox = MailGuardSandbox(
                    self._folder / "sandbox",
                    together.client(stack),
                    webhook_url=url,
                    webhook_secret=self._secret,
                )
                try:
                    await stack.enter_async_context(sandbox)
                except core_troubles() as error:
                    raise Unreachable(f"sandbox: {error}") from error
                await together.reload(self._settings(sandbox))
                yield
        finally:
            (self._base / "runtime.json").unlink(missing_ok=True)
