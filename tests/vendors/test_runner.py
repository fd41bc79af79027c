"""The runner sends what the page shows and notices an answer that is not as it should be."""

import shlex
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from hub.sdk.testing import Reply, StrictServer
from tests.vendors.model import VENDORS, Answer, Auth, Counts, Example, Request, Taken, Vendor, vendor_of
from tests.vendors.pages import mentions, page_lines, pages_folder
from tests.vendors.runner import Journey, World, command, pointed
from tests.vendors.shapes import as_schema, mismatches

KEY = "key-0123"


def made(*examples: Example, base: str = "") -> Vendor:
    return Vendor(
        vendor="made",
        title="Made",
        page="made.txt",
        origin="https://made.example",
        base=base,
        auth=Auth(header="X-Key", form="Token {key}"),
        counts=Counts(lines=1, capabilities=0, examples=len(examples)),
        shapes={"thing": {"id": "integer", "name?": "text"}},
        capabilities=(),
        asides=(),
        examples=examples,
    )


def example(name: str, request: Request, answer: Answer, **more: Any) -> Example:
    return Example(id=name, shows=(), request=request, answer=answer, **more)


GET = Request(method="GET", path="/things")
OK = Answer(status=200, shape=["$thing"])


@pytest.fixture
async def server() -> AsyncIterator[StrictServer]:
    async with StrictServer() as found:
        yield found


def journey(
    vendor: Vendor, server: StrictServer, folder: Any, facts: Mapping[str, Any] | None = None
) -> Journey:
    return Journey(vendor, World(url=server.url, keys={"default": KEY}, facts=facts or {}), folder)


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_an_answer_as_it_should_be_has_no_problems(server: StrictServer, tmp_path: Any) -> None:
    server.expect("GET", "/v1/things", Reply(json=[{"id": 1}]))
    one = example("things", GET, OK)

    assert await journey(made(one, base="/v1"), server, tmp_path).problems(one) == []
    assert server.received[0].headers["x-key"] == f"Token {KEY}"


@pytest.mark.integration
@pytest.mark.server("curl")
@pytest.mark.parametrize(
    ("reply", "answer", "said"),
    [
        (Reply(status=500, json=[]), OK, "status 500, not 200"),
        (Reply(json=[{"id": "1"}]), OK, "$[0].id"),
        (Reply(json=[{"id": 1, "more": 2}]), OK, "$[0]"),
        (Reply(json=[{}]), OK, "$[0]"),
        (Reply(body=b"[]"), OK, "text/plain, not application/json"),
        (Reply(json=[]), Answer(status=200, headers=("X-Left",)), "header X-Left is missing"),
    ],
)
async def test_an_answer_that_differs_is_a_problem(
    server: StrictServer, tmp_path: Any, reply: Reply, answer: Answer, said: str
) -> None:
    server.expect("GET", "/things", reply)
    one = example("things", GET, answer)

    problems = await journey(made(one), server, tmp_path).problems(one)

    assert problems
    assert said in problems[0]


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_values_are_taken_from_answers_before_and_each_request_is_sent_once(
    server: StrictServer, tmp_path: Any
) -> None:
    server.expect("GET", "/things", Reply(json=[{"id": 7}]))
    server.expect("PUT", "/things/7/notes", Reply(status=204))
    server.expect("DELETE", "/things/7", Reply(status=204))
    gone = Answer(status=204)
    first = example("things", GET, OK)
    mark = {"id": Taken(of="things", at="/0/id"), "word": Taken(of="world", at="/word")}
    put = Request(
        method="PUT", path="/things/{id}/notes", query={"as": "{word}"}, json={"id": ["{id}"]}, values=mark
    )
    second = example("note", put, gone)
    delete = Request(method="DELETE", path="/things/{id}", values=mark)
    third = example("remove", delete, gone, after=("note",))
    made_journey = journey(made(first, second, third), server, tmp_path, {"word": "a b&c"})

    assert [await made_journey.problems(one) for one in (third, second, first)] == [[], [], []]
    assert server.asked("PUT", "/things/7/notes")[0].query == {"as": "a b&c"}
    assert server.asked("PUT", "/things/7/notes")[0].body == b'{"id": ["7"]}'


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_what_comes_before_must_have_gone_well(server: StrictServer, tmp_path: Any) -> None:
    server.expect("GET", "/things", Reply(status=503))
    first = example("things", GET, OK)
    after = example("again", Request(method="GET", path="/again"), OK, after=("things",))

    with pytest.raises(AssertionError, match="things, which comes before, failed: status 503"):
        await journey(made(first, after), server, tmp_path).problems(after)


@pytest.mark.integration
@pytest.mark.server("curl")
async def test_a_dialect_that_is_away_is_an_error_and_no_answer(tmp_path: Any) -> None:
    one = example("things", GET, OK)
    world = World(url="http://127.0.0.1:9", keys={"default": KEY})

    with pytest.raises(RuntimeError, match="things: curl ended with 7"):
        await Journey(made(one), world, tmp_path).problems(one)


def test_nobody_sends_no_key() -> None:
    words = command(
        made(), Request(method="GET", path="/", role="nobody"), {}, World(url="http://h", keys={})
    )

    assert words == ["http://h/"]


def test_a_role_without_a_key_is_named() -> None:
    with pytest.raises(KeyError, match="admin"):
        command(made(), Request(method="GET", path="/", role="admin"), {}, World(url="http://h", keys={}))


@pytest.mark.skipif(pages_folder() is None, reason="the vendors' pages are not here: see VENDOR_PAGES")
@pytest.mark.parametrize("name", VENDORS)
def test_curl_gets_the_words_of_the_page_but_for_host_and_key(name: str) -> None:
    vendor, folder = vendor_of(name), pages_folder()
    assert folder is not None
    shown = {one.line: one for one in mentions(page_lines(folder, vendor.page)) if one.kind == "curl"}
    seen = 0
    for one in vendor.examples:
        if one.kind == "curl" and one.request is not None:
            keys = {"default": "K", "admin": "K"}
            words = command(vendor, one.request, {}, World(url="https://other.example", keys=keys))
            (sent,) = mentions([shlex.join(["curl", *words])])
            page = next(
                shown[line] for line in shown if str(line) in str(one.lines).replace("-", " ").split()
            )
            own = {vendor.auth.header: vendor.auth.form.format(key="K")}
            assert (sent.method, sent.path, sent.query) == (page.method, page.path, page.query)
            assert (sent.body, sent.headers) == (page.body, {**page.headers, **own})
            seen += 1

    assert seen == vendor.counts.curl


@pytest.mark.parametrize(
    ("pointer", "expected"), [("", {"a/b": [{"~": 1}]}), ("/a~1b/0/~0", 1), ("/a~1b", [{"~": 1}])]
)
def test_a_pointer_names_a_part(pointer: str, expected: object) -> None:
    assert pointed({"a/b": [{"~": 1}]}, pointer) == expected


@pytest.mark.parametrize("pointer", ["/b", "/a/1", "/a/x", "/a/0/0"])
def test_a_pointer_to_nothing_is_named(pointer: str) -> None:
    with pytest.raises(LookupError, match=pointer):
        pointed({"a": [1]}, pointer)


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        ("text|null", [None, "a"], [1]),
        ("=a|=b", ["a", "b"], ["c", None]),
        ("time", ["2026-05-01T07:42:13Z", "2026-05-01T07:42:13.5+02:00"], ["2026-05-01", "yesterday"]),
        (True, [True], [1, False, "true"]),
        (None, [None], [0, ""]),
        (["integer"], [[], [1]], [["1"], {}]),
        ({"a": "text", "b?": "any"}, [{"a": ""}, {"a": "", "b": []}], [{}, {"a": "", "c": 1}]),
        ({"a": "text", "...": "any"}, [{"a": "", "c": 1}], [{"c": 1}]),
        ("$thing", [{"id": 1}], [{"id": True}, {"name": "x"}]),
    ],
)
def test_a_shape_takes_what_it_says(shape: Any, good: list[Any], bad: list[Any]) -> None:
    shapes = made().shapes

    assert [value for value in good if mismatches(value, shape, shapes)] == []
    assert [value for value in bad if not mismatches(value, shape, shapes)] == []


@pytest.mark.parametrize("shape", ["string", "text|", "", 1j, ["text", "text"], []])
def test_what_is_no_shape_is_refused(shape: Any) -> None:
    with pytest.raises(ValueError, match="no shape"):
        as_schema(shape)
