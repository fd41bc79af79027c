"""Logprep: takes JSON over HTTP, maps fields by rules, writes `_bulk`; it knows no signatures."""

from tests.bench.rivals.product import Product

__all__ = ["Logprep"]

_CONFIG = """
version: bench
process_count: 1
timeout: 0.2
logger: {{level: WARNING}}
metrics: {{enabled: false}}
input:
  hook:
    type: http_input
    message_backlog_size: 150000
    collect_meta: false
    uvicorn_config: {{host: 127.0.0.1, port: {port}, access_log: false}}
    endpoints: {{/hook: json}}
output:
  search:
    type: opensearch_output
    hosts: ["{sink}"]
    default_index: mail-events
    message_backlog_size: 500
    flush_timeout: 1
    timeout: 10000
pipeline:
  - classes:
      type: generic_adder
      rules:
        - filter: "event"
          generic_adder:
            add: {{class_uid: 4009, category_uid: 4, activity_id: 3, type_uid: 400903, severity_id: 3,
                  metadata.version: "1.8.0", metadata.product.name: MailGuard}}
  - fields:
      type: field_manager
      rules:
        - filter: "data.sender"
          field_manager:
            mapping: {{data.sender: email.from, data.recipients: email.to, data.subject: email.subject,
                      data.message_id: email.message_uid, id: metadata.uid, timestamp: time}}
            delete_source_fields: true
"""


class Logprep(Product):
    name = "logprep"
    requirement = "logprep==21.1.0"
    does = "no HMAC, mapping, bulk"

    def configure(self) -> list[str]:
        sink = self.sink_url.removeprefix("http://")
        (self.folder / "logprep.yml").write_text(_CONFIG.format(port=self.port, sink=sink))
        (self.folder / "metrics").mkdir(exist_ok=True)
        return ["logprep", "run", "logprep.yml"]

    def variables(self) -> dict[str, str]:
        return {"PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics")}
