"""Rules about attachments: their names, and what their first bytes say they are. Nothing is unpacked."""

from core.engine.message import Attachment, Mail
from core.engine.rules.rule import Context, Rule

__all__ = ["RULES"]

_EXECUTABLE = frozenset(
    {
        "exe",
        "scr",
        "js",
        "jse",
        "vbs",
        "vbe",
        "bat",
        "cmd",
        "com",
        "pif",
        "hta",
        "lnk",
        "iso",
        "img",
        "ps1",
        "wsf",
        "jar",
        "msi",
        "cpl",
        "chm",
        "one",
        "reg",
    }
)
_MACRO = frozenset({"docm", "xlsm", "pptm", "dotm", "xlam"})
_INNOCENT = frozenset({"pdf", "doc", "docx", "xls", "xlsx", "jpg", "png", "txt", "zip"})
_HTML = frozenset({"htm", "html", "shtml", "xhtml", "svg"})

_PROGRAM = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"#!/")
_ZIP = b"PK\x03\x04"
_ZIP_FLAGS = 6
_ZIP_NAME_LENGTH = slice(26, 28)
_ZIP_NAME = 30
_RAR_ENCRYPTED = b"Rar!\x1a\x07\x01\x00"
"""RAR 5; its fifth header byte group begins with type 4 when the names themselves are encrypted."""
_RAR_TYPE = 13


def extensions(filename: str) -> list[str]:
    return filename.lower().strip().split(".")[1:]


def _ends_in(filename: str, kinds: frozenset[str]) -> bool:
    return bool(kinds.intersection(extensions(filename)[-1:]))


def exec_attachment(mail: Mail, _: Context) -> bool:
    return any(_ends_in(part.filename, _EXECUTABLE) for part in mail.attachments)


def double_extension(mail: Mail, _: Context) -> bool:
    names = [extensions(part.filename) for part in mail.attachments]
    return any(len(name) > 1 and name[-2].strip() in _INNOCENT and name[-1] in _EXECUTABLE for name in names)


def macro_attachment(mail: Mail, _: Context) -> bool:
    return any(_ends_in(part.filename, _MACRO) for part in mail.attachments)


def disguised_executable(mail: Mail, _: Context) -> bool:
    return any(
        part.head.startswith(_PROGRAM) and not _ends_in(part.filename, _EXECUTABLE)
        for part in mail.attachments
    )


def archive_executable(mail: Mail, _: Context) -> bool:
    return any(_ends_in(_first_member(part), _EXECUTABLE) for part in mail.attachments)


def archive_encrypted(mail: Mail, _: Context) -> bool:
    return any(_is_encrypted(part.head) for part in mail.attachments)


def html_attachment(mail: Mail, _: Context) -> bool:
    return any(_ends_in(part.filename, _HTML) for part in mail.attachments)


def _first_member(part: Attachment) -> str:
    """The name in a ZIP's first local header (APPNOTE 4.3.7), which stands in clear before any data."""
    if not part.head.startswith(_ZIP):
        return ""
    length = int.from_bytes(part.head[_ZIP_NAME_LENGTH], "little")
    return part.head[_ZIP_NAME : _ZIP_NAME + length].decode("utf-8", "replace")


def _is_encrypted(head: bytes) -> bool:
    if head.startswith(_ZIP):
        return len(head) > _ZIP_FLAGS and bool(head[_ZIP_FLAGS] & 1)
    return head.startswith(_RAR_ENCRYPTED) and head[_RAR_TYPE : _RAR_TYPE + 1] == b"\x04"


RULES = (
    Rule("EXEC_ATTACHMENT", 9.0, "sandbox", exec_attachment, "an attachment that runs when opened"),
    Rule("DOUBLE_EXTENSION", 4.0, "sandbox", double_extension, "a program named like a document"),
    Rule("MACRO_ATTACHMENT", 6.0, "sandbox", macro_attachment, "an office document made to carry macros"),
    Rule(
        "DISGUISED_EXECUTABLE",
        9.0,
        "sandbox",
        disguised_executable,
        "a program under the name of something else",
    ),
    Rule(
        "ARCHIVE_EXECUTABLE", 8.0, "sandbox", archive_executable, "an archive whose first file is a program"
    ),
    Rule("ARCHIVE_ENCRYPTED", 3.0, "sandbox", archive_encrypted, "an archive that no filter can look into"),
    Rule(
        "HTML_ATTACHMENT",
        2.5,
        "phishing",
        html_attachment,
        "an attached web page, which may hold a false login",
    ),
)
