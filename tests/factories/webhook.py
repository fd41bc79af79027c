"""A receiver of webhooks, played on loopback: verifies every signature with libraries that are not ours."""

import base64
import time

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from hub.sdk.testing import Received, Reply, StrictServer

__all__ = ["PATH", "PRIVATE", "PUBLIC", "SECRET", "PlayedReceiver"]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE = "whsk_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PUBLIC = "whpk_A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
PATH = "/hooks/t0ken-of-the-path"
_WINDOW_S = 300


class PlayedReceiver:
    """Rules for a `StrictServer`. Knows one secret (`whsec_`, `whpk_`) or none, and answers 400 to a request
    that it cannot verify, as the standard's examples do. Keeps each id once.
    """

    def __init__(self, server: StrictServer, secret: str | None = SECRET) -> None:
        self.server = server
        self.secret = secret
        self.held: dict[str, bytes] = {}
        self.requests: list[Received] = []
        self.order: list[str] = []
        self.at_once = 0
        self.always: Reply | None = None
        self.refused: frozenset[str] = frozenset()
        self.delay_s = 0.0
        server.allow("POST", PATH, self._take)
        server.allow("HEAD", "/", Reply(status=404))

    def _take(self, request: Received) -> Reply:
        if self.always is not None:
            return self.always
        self.requests.append(request)
        if not self._verified(request):
            return Reply(status=400, body=b"bad signature")
        uid = request.headers["webhook-id"]
        if uid in self.refused:
            return Reply(status=422, json={"subject": "confidential-subject"})
        if uid not in self.held:
            self.held[uid] = request.body
            self.order.append(uid)
        return Reply(status=204, delay_s=self.delay_s)

    def _verified(self, request: Received) -> bool:
        headers = dict(request.headers)
        if self.secret is None:
            return "webhook-signature" not in headers
        try:
            if self.secret.startswith("whpk_"):
                return _verify_ed25519(self.secret, request)
            Webhook(self.secret).verify(request.body, headers)
        except Exception:
            return False
        return True

    def data(self, uid: str) -> bytes:
        """The OCSF event inside the standard's envelope."""
        return bytes(msgspec.json.decode(self.held[uid], type=dict[str, msgspec.Raw])["data"])


def _verify_ed25519(secret: str, request: Received) -> bool:
    """As the standard says, with `cryptography`. Raises when nothing fits."""
    headers = request.headers
    stamp = headers["webhook-timestamp"]
    content = f"{headers['webhook-id']}.{stamp}.".encode() + request.body
    texts = [item[4:] for item in headers["webhook-signature"].split(" ") if item.startswith("v1a,")]
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(secret.removeprefix("whpk_")))
    key.verify(base64.b64decode(texts[0], validate=True), content)
    return abs(time.time() - int(stamp)) <= _WINDOW_S
