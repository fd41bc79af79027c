#!/usr/bin/env python3
"""Hand one message of Postfix's queue to mxhub: the command of a pipe(8) transport.

    postfix-mxhub.py --url http://127.0.0.1:8788 --key-file /etc/postfix/mxhub.key --queue-id 4ZzQ1x \
        --sender a@partner.example --client 192.0.2.9 --helo mail.partner.example grace@acme.example < message

One recipient a call, because a call has one outcome (`mxhub_destination_recipient_limit = 1` in main.cf).
It ends with 0 only after mxhub's 200 with a final fate. What nobody could decide stays in the queue (75).

| mxhub | exit code | what Postfix does |
| --- | --- | --- |
| relayed, quarantined, discarded | 0 | done |
| rejected | 77 (EX_NOPERM) | tells the sender, in the words that are printed |
| failed: the servers behind the filter refuse it for good | 69 (EX_UNAVAILABLE) | the same |
| anything else: 503, 429, 401, no or a strange answer, a wrong call | 75 (EX_TEMPFAIL) | tries again |

Needs Python 3.9 or newer, nothing else.
"""

import argparse
import hashlib
import http.client
import json
import os
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

DONE, REFUSED, FORBIDDEN, LATER = 0, 69, 77, 75
EXITS = {"relayed": DONE, "quarantined": DONE, "discarded": DONE, "rejected": FORBIDDEN, "failed": REFUSED}
# Postfix believes a status at the beginning of the output before the exit code: both say the same.
STATUS = {DONE: "2.0.0", REFUSED: "5.0.0", FORBIDDEN: "5.7.1", LATER: "4.3.0"}
# Longer than mxhub needs for a message at worst (100 s), far shorter than pipe(8) allows (1000 s).
TIMEOUT_S = 150


class Trouble(Exception):
    """Nobody decided what becomes of the message: it stays in the queue."""


class Parser(argparse.ArgumentParser):
    """A wrong call would end with 2, and Postfix would send mail back for a slip of the pen."""

    def error(self, message: str) -> NoReturn:
        raise Trouble(f"wrong call: {message}")


def arguments(words: list[str]) -> argparse.Namespace:
    parser = Parser(description="Hand a message on standard input to mxhub.")
    parser.add_argument("--url", required=True, help="of the core's API, e.g. http://127.0.0.1:8788")
    parser.add_argument("--key-file", required=True, help="file with a key that has messages:create")
    parser.add_argument("--queue-id", required=True, help="${queue_id}")
    parser.add_argument("--sender", default="", help="${sender}, with null_sender= in master.cf")
    parser.add_argument("--client", default="", help="${client_address}: for SPF and reputation")
    parser.add_argument("--helo", default="", help="${client_helo}")
    parser.add_argument("recipient", help="${recipient}")
    return parser.parse_args(words)


def idempotency_key(queue_id: str, recipient: str, message: bytes) -> str:
    """The same at every try, and never that of another message, although Postfix uses queue ids again."""
    return f"{queue_id}-{hashlib.sha256(os.fsencode(recipient) + b' ' + message).hexdigest()}"


def handed_in(given: argparse.Namespace, message: bytes) -> tuple[int, bytes]:
    """Status and body of mxhub's answer."""
    key = Path(given.key_file).read_text(encoding="ascii").strip()
    url = urlsplit(given.url)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    known = {"mail_from": given.sender, "client_ip": given.client, "helo": given.helo}
    known = {name: value for name, value in known.items() if value and value != "unknown"}
    query = urlencode({**known, "rcpt_to": given.recipient}, errors="surrogateescape")
    connection = kind(url.netloc, timeout=TIMEOUT_S)
    try:
        connection.request(
            "POST",
            f"{url.path.rstrip('/')}/api/v1/messages/raw?{query}",
            body=message,
            headers={
                "Authorization": f"Bearer {key}",
                "Content-Type": "message/rfc822",
                "Idempotency-Key": idempotency_key(given.queue_id, given.recipient, message),
            },
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def outcome(status: int, body: bytes) -> tuple[int, str]:
    """Exit code and words for mxhub's answer. Raises `Trouble` for what is no final fate."""
    try:
        said: Any = json.loads(body)
        if status != HTTPStatus.OK:
            raise Trouble(f"mxhub answered {status}: {said['error']['message']}")
        (one,) = said["data"]["recipients"]
        return EXITS[one["fate"]], f"{one['fate']}: {one['detail']}"
    except (ValueError, LookupError, TypeError) as error:
        raise Trouble(f"mxhub answered {status}, and nothing that tells a fate") from error


def handled(words: list[str], message: bytes) -> tuple[int, str]:
    """Exit code and words. Raises whatever went wrong on the way."""
    given = arguments(words)
    if not message:
        raise Trouble("there is no message on standard input")
    return outcome(*handed_in(given, message))


def main(words: list[str]) -> int:
    try:
        code, text = handled(words, sys.stdin.buffer.read())
    except Trouble as error:
        code, text = LATER, str(error)
    except (
        Exception
    ) as error:  # whatever it is: an exit code that Postfix takes for good would send mail back
        code, text = LATER, f"{type(error).__name__}: {error}"
    line = f"{STATUS[code]} {' '.join(text.split())[:400]}\n"
    sys.stdout.write(line.encode("ascii", "replace").decode())
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
