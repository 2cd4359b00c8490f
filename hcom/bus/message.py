"""A message: its text, its envelope, and what either must satisfy before it is stored."""

import re
from collections import namedtuple

from ..errors import UsageError

REQUEST, INFORM, ACK, ERROR = INTENTS = ("request", "inform", "ack", "error")
INSTANCE, EXTERNAL, SYSTEM = "instance", "external", "system"  # kinds of senders

LIMIT_BYTES = 1024 * 1024
# C0 and C1 controls but tab and newline, DEL, and the characters that turn text around.
FORBIDDEN = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
THREAD = r"[\w.:/#-]{1,64}"
REFERENCE = r"(\d{1,18})(?::([A-Za-z0-9]{4,16}))?"


def forbidden(text: str) -> "re.Match[str] | None":
    """The first of the FORBIDDEN characters in it."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return None  # most texts, for which a hook need not compile the pattern
    return re.search(FORBIDDEN, text)


# Who speaks; `kind` is INSTANCE (an agent), EXTERNAL (a program, the person) or SYSTEM
Sender = namedtuple("Sender", "name kind tag", defaults=("",))


# What goes with a text: each "" when not given; `reply_to` is 42 or 42:BOXE
Envelope = namedtuple("Envelope", "intent reply_to thread", defaults=("", "", ""))


class Message(namedtuple("Message", "id at sender text envelope to origin", defaults=(0,))):
    """A stored message; `at` is its UTC timestamp, `to` the names it went to, `origin` its id on
    the device that it came from, 0 where that is this one."""

    __slots__ = ()

    @property
    def reference(self) -> str:
        """What a reply to it says: 42, or 42:BOXE."""
        return (
            f"{self.origin}:{self.sender.name.partition(':')[2]}" if self.origin else f"{self.id}"
        )


def reference(given: str) -> str:
    """`given` as what a message is named by, 42 or 42:BOXE. UsageError when it is neither."""
    if not re.fullmatch(REFERENCE, given):
        raise UsageError(f"not a message id: {given!r}", "use 42, or 42:BOXE for another device")
    return given


def text_of(raw: str) -> str:
    """`raw` as message text, CRLF made LF. UsageError when it may not be sent."""
    text = raw.replace("\r\n", "\n")
    if not text.strip():
        raise UsageError("nothing sent: the message is empty", "hcom send @name -- text")
    if len(text.encode("utf-8", "surrogatepass")) > LIMIT_BYTES:
        raise UsageError(
            f"nothing sent: the message has more than {LIMIT_BYTES} bytes",
            "put it in a file and send its path",
        )
    found = forbidden(text)
    if found:
        raise UsageError(
            f"nothing sent: control or binary character U+{ord(found.group()):04X} "
            f"at position {found.start()}",
            "put binary data in a file and send its path",
        )
    return text


def envelope(intent: str, reply_to: str, thread: str) -> Envelope:
    """The three as an Envelope. UsageError when one is malformed or an ack replies to nothing."""
    if intent and intent not in INTENTS:
        raise UsageError(f"not an intent: {intent!r}", "use " + ", ".join(INTENTS))
    if intent == ACK and not reply_to:
        raise UsageError(
            "an ack needs --reply-to", "hcom send @name --intent ack --reply-to 42 -- ok"
        )
    if reply_to:
        reference(reply_to)
    if thread and not re.fullmatch(THREAD, thread):
        raise UsageError(
            f"not a thread name: {thread!r}", "use up to 64 letters, digits, . _ - : / #"
        )
    return Envelope(intent, reply_to, thread)
