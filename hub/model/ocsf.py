"""OCSF 1.8 event and its objects as msgspec structs, and the rules that the schema itself does not check."""

import msgspec

__all__ = ["OcsfEvent"]


class OcsfEvent(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Any OCSF class that we emit. Attributes that a class lacks stay unset and are not serialised."""

    class_uid: int
