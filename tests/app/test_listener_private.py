"""What the listener uses of aiohttp that aiohttp does not promise. When one of these fails after an upgrade:
read `hub/app/listener.py` beside the new `aiohttp/web_protocol.py`, and what the test behind it proves.
"""

import inspect

import pytest
from aiohttp import web, web_protocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

NEXT = "hub/app/listener.py relies on it: adapt it, then this test"


def source(of):
    return inspect.getsource(of)


@pytest.mark.parametrize("name", ["_messages", "_current_request"])
def test_a_connection_keeps_its_requests_where_we_look(name):
    assert name in web.RequestHandler.__slots__, f"aiohttp has no RequestHandler.{name} any more; {NEXT}"


def test_a_broken_message_is_marked_as_we_expect():
    assert "_messages.append((" in source(web.RequestHandler.data_received).replace("\n", "").replace(
        " ", ""
    ), f"aiohttp queues requests another way; {NEXT} (`_Connection.data_received`)"
    assert "_ErrInfo(" in source(web.RequestHandler.data_received), f"broken requests are no _ErrInfo; {NEXT}"
    assert inspect.isclass(web_protocol._ErrInfo), NEXT


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("data_received", ["data"]),
        ("connection_lost", ["exc"]),
        ("log_exception", ["args", "kw"]),
        ("handle_error", ["request", "status", "exc", "message"]),
    ],
)
def test_what_we_override_is_called_as_before(name, arguments):
    found = list(inspect.signature(getattr(web.RequestHandler, name)).parameters)[1:]

    assert found == arguments, f"aiohttp changed RequestHandler.{name}{found}; {NEXT}"


@pytest.mark.parametrize("name", ["loop", "access_log", "auto_decompress", "lingering_time"])
def test_a_connection_takes_our_settings(name):
    assert name in inspect.signature(web.RequestHandler.__init__).parameters, (
        f"aiohttp's RequestHandler takes no {name} any more; {NEXT}"
    )


async def test_a_server_hands_every_request_to_the_handler_that_we_replace():
    runner = web.AppRunner(web.Application())
    await runner.setup()
    try:
        assert callable(runner.server.request_handler), f"there is no Server.request_handler; {NEXT}"
        assert "request_handler" in source(web_protocol.RequestHandler), f"nobody calls it; {NEXT}"
    finally:
        await runner.cleanup()


def test_a_body_that_waits_can_be_ended_with_an_error():
    assert callable(StreamReader.set_exception), NEXT
    assert callable(StreamReader.is_eof), NEXT


def test_a_request_knows_its_connection():
    request = make_mocked_request("GET", "/")

    assert hasattr(request, "protocol"), f"Request.protocol is gone; {NEXT} (`Listener._dispatch`)"
    assert request.content is not None
