"""Back-up of a running hub into one file, and restore of that file into an empty data directory."""

from hub.app.backup.manifest import BackupError, Extras, Manifest, Member

__all__ = ["BackupError", "Extras", "Manifest", "Member"]
