"""Every command: name -> (module:attribute, one line for the list). A new command is one line here."""

__all__ = ["COMMANDS"]

COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("hub.cli.check:check", "Check the configuration, then probe sources and connectors"),
    "config": ("hub.cli.config:config", "Show, seal and describe the configuration"),
    "init": ("hub.cli.init:init", "Write a commented configuration for the vendors and destinations named"),
    "verify": ("hub.cli.verify:verify", "Say why the signature of a webhook does not hold"),
}
