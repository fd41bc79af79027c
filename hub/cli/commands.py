"""Every command: name -> (module:attribute, one line for the list). A new command is one line here."""

__all__ = ["COMMANDS"]

COMMANDS: dict[str, tuple[str, str]] = {
    "audit": ("hub.cli.audit:audit", "Check the audit log of the core service"),
    "backup": ("hub.cli.backup:backup", "Write everything a running hub holds to one file"),
    "books": ("hub.cli.books:books", "Does every recorded event have one fate per connector?"),
    "capture": ("hub.cli.capture:capture", "Keep a source's refused requests for `mxhub verify`"),
    "check": ("hub.cli.check:check", "Check the configuration, then probe sources and connectors"),
    "config": ("hub.cli.config:config", "Show, seal and describe the configuration"),
    "connectors": ("hub.cli.connectors:connectors", "List connectors; pause, resume, rename, forget one"),
    "event": ("hub.cli.events:event", "Show one event, raw payload and fates included"),
    "events": ("hub.cli.events:events", "Search the archive, or follow what is recorded"),
    "export": ("hub.cli.export:export", "Write events to a file, with a manifest"),
    "init": ("hub.cli.init:init", "Write a commented configuration for the vendors and destinations named"),
    "licence": ("hub.cli.licence:licence", "Make a key that signs licences of the core, and sign one"),
    "parked": ("hub.cli.parked:parked", "List, show, replay and drop parked events"),
    "replay": ("hub.cli.replay:replay", "Send archived events to a connector"),
    "restore": ("hub.cli.restore:restore", "Restore a back-up into an empty data directory"),
    "run": ("hub.cli.run:run", "Start everything; without a configuration, a demo"),
    "sandbox": ("hub.cli.sandbox:sandbox", "Run a vendor's API with made mail, faults and a recorder"),
    "send-test": (
        "hub.cli.send_test:send_test",
        "Send one made event to a connector and say what became of it",
    ),
    "serve": ("hub.cli.run:serve", "Serve webhooks and the API beside a worker"),
    "sources": ("hub.cli.sources:sources", "List sources with their last event and errors"),
    "tenants": ("hub.cli.tenants:tenants", "List tenants; make one, erase one, and show what was erased"),
    "trail": ("hub.cli.events:trail", "Everything that happened to one message"),
    "verify": ("hub.cli.verify:verify", "Say why the signature of a webhook does not hold"),
    "worker": ("hub.cli.run:worker", "Route, archive, deliver and poll"),
}
