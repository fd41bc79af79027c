"""Rules about what a message says and how it is set."""

import re

from core.engine.message import Mail
from core.engine.rules.rule import Context, Rule

__all__ = ["RULES"]

_MONEY = re.compile(
    r"guaranteed (income|profit)|lottery|casino bonus|crypto wallet|miracle|no prescription", re.IGNORECASE
)
_URGENT = re.compile(
    r"verify your account|password (will )?expires?|suspended|confirm your identity|unusual sign-in",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"font-size\s{0,9}:\s{0,9}0|display\s{0,9}:\s{0,9}none|[\u200b\u200c\u2060]{3}")
_SHORT = 8
_MANY = 3


def urgent_phrases(mail: Mail, _: Context) -> bool:
    return bool(_URGENT.search(mail.subject) or _URGENT.search(mail.text) or _URGENT.search(mail.html))


def money_phrases(mail: Mail, _: Context) -> bool:
    return bool(_MONEY.search(mail.subject) or _MONEY.search(mail.text) or _MONEY.search(mail.html))


def subject_all_caps(mail: Mail, _: Context) -> bool:
    letters = [character for character in mail.subject if character.isalpha()]
    return len(letters) >= _SHORT and all(character.isupper() for character in letters)


def subject_many_marks(mail: Mail, _: Context) -> bool:
    return mail.subject.count("!") >= _MANY or mail.subject.count("$") >= _MANY


def hidden_text(mail: Mail, _: Context) -> bool:
    return bool(_HIDDEN.search(mail.html))


def html_only(mail: Mail, _: Context) -> bool:
    return bool(mail.html.strip()) and not mail.text.strip()


def empty_body(mail: Mail, _: Context) -> bool:
    return not (mail.html.strip() or mail.text.strip() or mail.attachments)


def list_unsubscribe(mail: Mail, _: Context) -> bool:
    return "list-unsubscribe" in mail.headers and "list-id" in mail.headers


def in_reply_to(mail: Mail, _: Context) -> bool:
    return bool(mail.header("in-reply-to")) and mail.subject.lower().startswith(("re:", "aw:"))


RULES = (
    Rule(
        "URGENT_PHRASES",
        2.0,
        "phishing",
        urgent_phrases,
        "urges the reader to prove an account or a password",
    ),
    Rule("MONEY_PHRASES", 4.0, "spam", money_phrases, "promises money, luck or medicine"),
    Rule("SUBJECT_ALL_CAPS", 2.0, "spam", subject_all_caps, "the subject is all capitals"),
    Rule("SUBJECT_MANY_MARKS", 1.5, "spam", subject_many_marks, "the subject shouts with ! or $"),
    Rule("HIDDEN_TEXT", 2.0, "spam", hidden_text, "text that readers cannot see"),
    Rule("HTML_ONLY", 1.0, "spam", html_only, "HTML without a plain text beside it"),
    Rule("EMPTY_BODY", 1.5, "spam", empty_body, "nothing in the body and nothing attached"),
    Rule("LIST_UNSUBSCRIBE", -1.5, "spam", list_unsubscribe, "a mailing list that can be left"),
    Rule("IN_REPLY_TO", -1.0, "spam", in_reply_to, "answers an earlier message"),
)
