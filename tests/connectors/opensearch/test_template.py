"""The index template and who owns it."""

from pathlib import Path

import msgspec
import pytest

from connectors.opensearch import OpenSearchOptions
from connectors.opensearch.template import VERSION, mappings, state_of, template


def options(**more):
    return OpenSearchOptions(url="https://search.example", **more)


def fields(node, path=""):
    found = {}
    for name, field in node.get("properties", {}).items():
        if "type" in field:
            found[path + name] = field
        found |= fields(field, f"{path}{name}.")
    return found


def test_nothing_is_mapped_by_itself():
    assert mappings()["dynamic"] is False


@pytest.mark.parametrize("name", ["unmapped", "raw_data", "evidences", "entity.data"])
def test_trees_of_vendors_are_kept_but_never_indexed(name):
    assert fields(mappings())[name] == {"type": "object", "enabled": False}


def test_time_is_a_date_in_milliseconds_and_timestamp_its_other_name():
    found = fields(mappings())

    assert found["time"] == {"type": "date", "format": "epoch_millis"}
    assert found["@timestamp"] == {"type": "alias", "path": "time"}


@pytest.mark.parametrize(
    "name",
    [
        "class_uid",
        "severity_id",
        "from",
        "to",
        "email.from",
        "email.to",
        "email.subject",
        "email.message_uid",
        "metadata.uid",
        "metadata.tenant_uid",
        "metadata.event_code",
        "metadata.log_provider",
        "metadata.logged_time",
        "disposition",
        "src_endpoint.ip",
        "actor.user.name",
        "finding_info.uid",
        "observables.value",
        "message",
    ],
)
def test_what_people_search_by_is_mapped(name):
    assert name in fields(mappings())


def leaves(value, path=""):
    if isinstance(value, dict):
        return {each for name, inner in value.items() for each in leaves(inner, f"{path}.{name}".strip("."))}
    if isinstance(value, list):
        return {each for inner in value for each in leaves(inner, path)}
    return {path}


def test_every_attribute_of_every_golden_is_mapped_or_kept_on_purpose():
    found = fields(mappings())
    kept = [name for name, field in found.items() if field.get("enabled") is False]
    written = [*(Path(__file__).parents[2] / "golden").glob("*/*.out.json")]
    goldens = [event for path in written if "class_uid" in (event := msgspec.json.decode(path.read_bytes()))]
    seen = {each for golden in goldens for each in leaves(golden)}

    assert len(goldens) > 10
    unmapped = {each for each in seen - set(found) if not each.startswith(tuple(kept))}
    assert unmapped <= {"finding_info.analytic.type", "finding_info.analytic.type_id"}


def test_no_keyword_can_be_too_long_for_the_index():
    """Lucene refuses terms above 32,766 bytes; a character is at most 4."""
    keywords = [field for field in fields(mappings()).values() if field["type"] == "keyword"]

    assert keywords
    assert all(field["ignore_above"] * 4 <= 32_766 for field in keywords)


def test_the_number_of_fields_is_far_below_the_limit_of_an_index():
    assert len(fields(mappings())) < 200


def test_the_template_covers_its_indices_and_makes_the_alias():
    body = template(options(prefix="lab", shards=3, refresh_s=2.5))

    assert body["index_patterns"] == ["lab-*"]
    assert body["template"]["aliases"] == {"lab": {}}
    assert body["template"]["settings"]["number_of_shards"] == 3
    assert body["template"]["settings"]["refresh_interval"] == "2500ms"


def test_copies_follow_the_nodes_unless_a_number_is_given():
    assert template(options())["template"]["settings"]["auto_expand_replicas"] == "0-1"
    settings = template(options(replicas=2))["template"]["settings"]
    assert settings["number_of_replicas"] == 2
    assert "auto_expand_replicas" not in settings


def test_the_more_special_prefix_wins():
    assert template(options(prefix="mxhub-lab"))["priority"] > template(options(prefix="mxhub"))["priority"]


def test_a_template_is_judged_by_its_mark():
    ours = template(options())
    later = {"_meta": {"mxhub": {"version": VERSION + 1, "digest": "x"}}}

    assert state_of(None, ours) == "missing"
    assert state_of(ours, ours) == "current"
    assert state_of(template(options(shards=2)), ours) == "older"
    assert state_of(later, ours) == "newer"
    assert state_of({}, ours) == "foreign"
    assert state_of({"_meta": None}, ours) == "foreign"
    assert state_of({"_meta": {"mxhub": "yes"}}, ours) == "foreign"
