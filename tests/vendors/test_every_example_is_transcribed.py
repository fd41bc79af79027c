"""Nothing of a page is missing in its facts, and nothing is in them that the page does not show."""

import re
from collections import Counter

import msgspec
import pytest

from tests.vendors.model import FOLDER, VENDORS, Example, Vendor, numbers, vendor_of
from tests.vendors.pages import Mention, json_keys, mentions, page_lines, pages_folder
from tests.vendors.shapes import as_schema

FOLDER_OF_PAGES = pages_folder()
needs_pages = pytest.mark.skipif(
    FOLDER_OF_PAGES is None, reason="the vendors' pages are not here: name their folder in VENDOR_PAGES"
)
EVERY = pytest.mark.parametrize("vendor", [vendor_of(name) for name in VENDORS], ids=VENDORS)


def lines_of(vendor: Vendor) -> list[str]:
    assert FOLDER_OF_PAGES is not None
    return page_lines(FOLDER_OF_PAGES, vendor.page)


def shown(vendor: Vendor) -> list[Mention]:
    base = {"mailsentinel": "/api"}.get(vendor.vendor, "")
    return mentions(lines_of(vendor), base)


def of_page(vendor: Vendor) -> list[Example]:
    return [example for example in vendor.examples if example.source == "page"]


def is_it(example: Example, mention: Mention, vendor: Vendor) -> bool:
    """Whether the example is what the page mentions, in every detail that the page gives."""
    if mention.kind != example.kind or mention.line not in numbers(example.lines):
        return False
    request = example.request
    if request is None:
        return mention.path == example.name
    if mention.kind == "path":
        return request.path.endswith(mention.path)
    query = {name: str(value) for name, value in request.query.items()}
    same = (mention.method, mention.path, dict(mention.query)) == (request.method, request.path, query)
    if mention.kind == "request":
        return same
    body = None if request.json is msgspec.UNSET else request.json
    headers = {name: value for name, value in mention.headers.items() if name != vendor.auth.header}
    form = mention.headers.get(vendor.auth.header, "").startswith(vendor.auth.form.partition("{")[0])
    return same and form and body == mention.body and headers == dict(request.headers)


@needs_pages
@EVERY
def test_every_request_of_the_page_is_transcribed_once(vendor: Vendor) -> None:
    found = [
        (
            mention.line,
            mention.kind,
            mention.path,
            sum(is_it(one, mention, vendor) for one in of_page(vendor)),
        )
        for mention in shown(vendor)
    ]

    assert [one for one in found if one[-1] != 1] == []


@needs_pages
@EVERY
def test_no_example_is_invented(vendor: Vendor) -> None:
    every = shown(vendor)

    assert [one.id for one in of_page(vendor) if sum(is_it(one, each, vendor) for each in every) != 1] == []


@needs_pages
@EVERY
def test_the_page_still_holds_what_was_counted(vendor: Vendor) -> None:
    kinds = Counter(mention.kind for mention in shown(vendor))
    counts = vendor.counts

    assert len(lines_of(vendor)) == counts.lines
    assert kinds == +Counter(
        curl=counts.curl, request=counts.request, path=counts.path, sdk=counts.sdk, script=counts.script
    )


@needs_pages
@EVERY
def test_every_line_of_the_page_is_accounted_for(vendor: Vendor) -> None:
    said = [one.lines for one in vendor.capabilities] + [one.lines for one in vendor.asides]
    said += [one.lines for one in of_page(vendor)]
    known = {number for lines in said for number in numbers(lines)}
    written = {number for number, text in enumerate(lines_of(vendor), 1) if text.strip()}

    assert sorted(written - known) == []
    assert sorted(number for number in known if not 1 <= number <= vendor.counts.lines) == []


@needs_pages
@EVERY
def test_every_capability_stands_where_it_says(vendor: Vendor) -> None:
    lines = lines_of(vendor)

    def stands(lines_said: int | str, word: str) -> bool:
        return any(word.lower() in lines[number - 1].lower() for number in numbers(lines_said))

    assert [one.id for one in vendor.capabilities if not stands(one.lines, one.word)] == []


@needs_pages
@EVERY
def test_every_member_of_the_json_that_the_page_shows_is_known(vendor: Vendor) -> None:
    text = (FOLDER / f"{vendor.vendor}.yaml").read_text(encoding="utf-8")
    unknown = [key for key in json_keys(lines_of(vendor)) if not re.search(rf"\b{key}\b", text)]

    assert sorted(unknown) == []


@EVERY
def test_the_facts_hold_what_was_counted(vendor: Vendor) -> None:
    counts = vendor.counts
    kinds = Counter(example.kind for example in of_page(vendor))

    assert kinds == +Counter(
        curl=counts.curl, request=counts.request, path=counts.path, sdk=counts.sdk, script=counts.script
    )
    assert len(vendor.capabilities) == counts.capabilities
    assert len(vendor.examples) == counts.examples
    assert len(vendor.operations) == counts.operations


@EVERY
def test_ids_are_unique(vendor: Vendor) -> None:
    for part in (vendor.capabilities, vendor.examples, vendor.operations):
        ids = Counter(one.id for one in part)

        assert [name for name, times in ids.items() if times > 1] == []


@EVERY
def test_an_example_is_a_request_with_its_answer_or_stands_for_some(vendor: Vendor) -> None:
    ids = {example.id for example in vendor.examples if example.request is not None}

    for example in vendor.examples:
        assert (example.request is None) == (example.answer is None) == bool(example.covered_by), example.id
        assert bool(example.name) == bool(example.covered_by), example.id
        assert set(example.covered_by) <= ids, example.id
        assert (example.source == "page") <= bool(example.lines), example.id


@EVERY
def test_an_example_shows_capabilities_that_there_are(vendor: Vendor) -> None:
    known = {capability.id for capability in vendor.capabilities}

    assert [one.id for one in vendor.examples if not one.shows or not set(one.shows) <= known] == []


@EVERY
def test_what_an_example_needs_is_a_request_and_never_itself(vendor: Vendor) -> None:
    needs = {example.id: example.needs for example in vendor.examples if example.request is not None}

    def before(name: str, seen: tuple[str, ...] = ()) -> None:
        assert name not in seen, f"{' needs '.join((*seen, name))}"
        for one in needs[name]:
            before(one, (*seen, name))

    for name in needs:
        before(name)
    for example in vendor.examples:
        assert set(example.needs) <= set(needs), example.id


@EVERY
def test_every_mark_in_a_path_has_a_value(vendor: Vendor) -> None:
    for example in vendor.examples:
        if example.request is not None:
            marks = {part.strip("{}") for part in example.request.path.split("/") if part.startswith("{")}

            assert marks <= set(example.request.values), example.id


@EVERY
def test_every_shape_can_be_read(vendor: Vendor) -> None:
    shapes = [*vendor.shapes.values()]
    shapes += [
        one.answer.shape for one in vendor.examples if one.answer and one.answer.shape is not msgspec.UNSET
    ]

    assert all(isinstance(as_schema(shape), dict) for shape in shapes)
