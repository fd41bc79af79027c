"""A kit for the tests of sources and connectors, ours and third parties'."""

from hub.sdk.testing.case import Case, Played
from hub.sdk.testing.server import HangingServer, Received, Reply, StrictServer
from hub.sdk.testing.tls import Identity, TestCa

__all__ = ["Case", "HangingServer", "Identity", "Played", "Received", "Reply", "StrictServer", "TestCa"]
