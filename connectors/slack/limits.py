"""What Slack takes in one message (docs.slack.dev, Block Kit reference; python-slack-sdk 3.43).

Lengths count as sent, after escaping; a character beyond U+FFFF counts twice, as in the clients' language.
"""

from typing import Final

__all__ = [
    "ACTIONS",
    "ACTION_ID",
    "ALL_TEXT",
    "ALT_TEXT",
    "BLOCKS",
    "BLOCK_ID",
    "BUTTON_TEXT",
    "BUTTON_VALUE",
    "CONTEXT_ELEMENTS",
    "CONTEXT_TEXT",
    "FIELDS",
    "FIELD_TEXT",
    "HEADER_TEXT",
    "RICH_TEXT",
    "SECTION_TEXT",
    "TEXT",
    "URL",
]

BLOCKS: Final = 50
ALL_TEXT: Final = 13_000
"""Of all blocks together. Undocumented; above some 13,200 the answer is `msg_blocks_too_long`."""
TEXT: Final = 3_000
"""The fallback; more than 4,000 is advised against."""
HEADER_TEXT: Final = 150
SECTION_TEXT: Final = 3_000
FIELDS: Final = 10
FIELD_TEXT: Final = 2_000
CONTEXT_ELEMENTS: Final = 10
CONTEXT_TEXT: Final = 2_000
RICH_TEXT: Final = 3_000
"""Of one element. Slack names no limit; this is a section's."""
ACTIONS: Final = 25
BUTTON_TEXT: Final = 75
BUTTON_VALUE: Final = 2_000
ACTION_ID: Final = 255
BLOCK_ID: Final = 255
ALT_TEXT: Final = 2_000
URL: Final = 3_000
