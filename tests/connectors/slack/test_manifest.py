"""The app's manifest is one that Slack takes: every object refuses unknown keys and long names.

Limits: slackapi/manifest-schema, version 2.
"""

from pathlib import Path

from ruamel.yaml import YAML

MANIFEST = YAML(typ="safe").load(Path(__file__).parents[3] / "deploy" / "slack" / "manifest.yaml")
TOP = {"_metadata", "display_information", "features", "oauth_config", "settings"}
SETTINGS = {"org_deploy_enabled", "socket_mode_enabled", "token_rotation_enabled"}


def test_it_has_known_keys_only():
    assert set(MANIFEST) == TOP
    assert MANIFEST["_metadata"]["major_version"] in (1, 2)
    assert set(MANIFEST["settings"]) <= SETTINGS


def test_its_texts_keep_their_limits():
    shown = MANIFEST["display_information"]

    assert set(shown) == {"name", "description", "long_description", "background_color"}
    assert 0 < len(shown["name"]) <= 35
    assert 0 < len(shown["description"]) <= 140
    assert 175 <= len(shown["long_description"]) <= 4000
    assert len(MANIFEST["features"]["bot_user"]["display_name"]) <= 80


def test_it_asks_for_what_the_connector_needs_and_no_more():
    assert set(MANIFEST["oauth_config"]["scopes"]["bot"]) == {
        "chat:write",
        "chat:write.public",
        "incoming-webhook",
    }
