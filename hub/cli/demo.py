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
from hub.cli.together import SANDBOX, Together, core_troubles
from hub.config.load import Loaded, load_text
from hub.config.model import Settings
from hub.store.embedded.state import RESTORING

__all__ = ["EXTRAS", "Demo"]

SOURCE = "mailguard-demo"
CORE = "127.0.0.1:8788"
EXTRAS = Extras(
    folder="demo",
    files=("webhook-secret", f"{SANDBOX}/api-key", f"{SANDBOX}/admin-key"),
)
"""What a back-up of the demo takes beside the hub's own and the sandbox's state (`Together.sandbox`)."""


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
    url: {sandbox.url}/api/v1
    api_key: {sandbox.keys["api-key"]}
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
    async def beside(self, together: Together) -> AsyncIterator[None]:
        """Start the sandbox and make it the hub's source; stop it first at the end."""
        shutil.copyfile(self._folder / "runtime.json", self._base / "runtime.json")
        try:
            async with AsyncExitStack() as stack:
                sandbox = await self._sandbox(together, stack)
                together.sandbox = sandbox.core
                await together.reload(self._settings(sandbox))
                yield
        finally:
            together.sandbox = None
            (self._base / "runtime.json").unlink(missing_ok=True)

    async def _sandbox(self, together: Together, stack: AsyncExitStack) -> Any:
        """Running, for as long as the stack. Raises `Unreachable`."""
        from core.sandbox.hook import Hook
        from core.sandbox.sandbox import Sandbox
        from core.sandbox.service import service_of
        from core.sandbox.vendors import VENDORS

        folder = self._folder / SANDBOX
        hook = Hook(url=f"{together.hub.url}/in/{SOURCE}", secret=self._secret)
        try:
            core = await stack.enter_async_context(service_of(folder, together.client(stack)))
            sandbox = Sandbox(core, VENDORS["mailguard"], folder, hook=hook, control=False)
            await stack.enter_async_context(sandbox)
            await stack.enter_async_context(core.outward)
        except core_troubles() as error:
            raise Unreachable(f"sandbox: {error}") from error
        return sandbox
