"""Whether a server answers at all, for probes of destinations where every real request does something."""

from yarl import URL

from hub.sdk.http.client import Client
from hub.sdk.http.errors import redact

__all__ = ["reach"]


async def reach(client: Client, url: str) -> str:
    """Ask for the headers of the root, not of the address itself; any status is an answer.

    Returns one line. Raises `HttpError`.
    """
    origin = URL(url).origin()
    answer = await client.request("HEAD", origin)
    return f"{redact(origin)} answers ({answer.status})"
