"""Tenzir: verifies the HMAC, maps to OCSF, writes `_bulk`; as a foreground pipeline."""

from tests.bench.payload import SECRET
from tests.bench.rivals.product import Product

__all__ = ["Tenzir"]

_PIPELINE = """
accept_http "127.0.0.1:{port}", max_connections=256 {{
  read_all
  where $request.headers["X-Signature-256"] == "sha256=" + hmac(data, "{secret}", algorithm="sha256")
  this = data.parse_json()
}}
this = {{
  class_uid: 4009, category_uid: 4, activity_id: 3, type_uid: 400903, severity_id: 3, action_id: 2,
  disposition_id: 3, time: timestamp, message: data.subject,
  metadata: {{version: "1.8.0", uid: id, event_code: event, product: {{name: "MailGuard"}}}},
  email: {{from: data.sender, to: data.recipients, subject: data.subject, message_uid: data.message_id}},
  src_endpoint: {{ip: data.client_ip}}, unmapped: {{score: data.score, symbols: data.symbols}}
}}
to_opensearch "{sink}", action="index", index="mail-events", id=metadata.uid, buffer_timeout=200ms
"""


class Tenzir(Product):
    name = "tenzir"
    requirement = "tenzir==6.20.0"
    does = "HMAC, OCSF, bulk"

    def configure(self) -> list[str]:
        text = _PIPELINE.format(port=self.port, secret=SECRET.decode(), sink=self.sink_url)
        (self.folder / "pipeline.tql").write_text(text)
        return ["tenzir", "-f", "pipeline.tql"]
