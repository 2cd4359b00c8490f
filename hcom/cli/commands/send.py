"""hcom send: a message to one, several, a group or everyone."""

import sys

from ...bus import message
from ...errors import UsageError
from ...ops import talk
from ...store.connect import open_db
from ..model import Command, Option, count

HANDED = "Handed over, with the command that reads it:"
OTHERS = ", or --from NAME for a program"
READ_BYTES = message.LIMIT_BYTES + 4096  # enough to see that a message is too long


def _text(call) -> tuple[str, str]:
    """The message's text, and the part of it in which addresses are looked for."""
    head = " ".join(call.words)
    if call.values.stdin:
        if call.tail is not None:
            raise UsageError("--stdin and a text behind -- exclude each other", "hcom send --help")
        raw = sys.stdin.buffer.read(READ_BYTES)
        try:
            # Cut in the middle of a letter it is too long, and not binary.
            text = raw.decode("utf-8", "ignore" if len(raw) == READ_BYTES else "strict")
        except UnicodeDecodeError:
            raise UsageError(
                "nothing sent: the message is not UTF-8 text",
                "put binary data in a file and send its path",
            ) from None
        text = text.removesuffix("\n")
        return text, head or text
    if call.tail is None:
        return head, head
    only_addresses = all(w.startswith("@") for w in call.words)
    tail = " ".join(call.tail)
    return (tail if only_addresses else f"{head} {tail}"), head


def run(call) -> int:
    values = call.values
    text, addressed = _text(call)
    handed = values.transcript or values.file or values.event
    text = text if handed and not text.strip() else message.text_of(text)
    envelope = message.envelope(values.intent or "", values.reply_to or "", values.thread or "")
    program = vars(values)["from"]
    with open_db(call.home) as db:
        sender = talk.external(db, program) if program is not None else call.sender(db, OTHERS)
        if handed:
            own = call.agent.name if call.agent else ""
            given = (values.transcript or "", values.file or "", values.event or 0)
            text = message.text_of("\n".join([text, *talk.handed_over(db, own, *given)]))
        sent = talk.send(db, sender, text, addressed, envelope, call.now)
    call.say(f"sent #{sent.id} to {', '.join(sent.to) or 'nobody (no one else is here)'}")
    if sent.ended:
        who = ", ".join(sent.ended)
        call.tell(f"hcom: ended, read on return: {who} (hcom resume {sent.ended[0]})")
    if sent.deaf:
        who = "; ".join(sent.deaf)
        call.tell(f"hcom: no hooks heard yet, so only hcom listen brings it: {who} (hcom status)")
    for line in sent.unwoken:
        call.tell(f"hcom: not woken: {line}")
    return 0


COMMAND = Command(
    "send",
    "Send a message to agents",
    (
        ('hcom send "msg"', "To everyone"),
        ('hcom send "@name msg"', "To one agent, or a group by its tag"),
        ("hcom send @name @name -- msg", "What stands behind -- is never an address"),
        ("hcom send @name --stdin", "The text comes on standard input"),
    ),
    (
        Option("--stdin", "Read the message from standard input"),
        Option("--from -b", "Send as a program that is no agent", "NAME"),
        Option("--intent", "request, inform, ack or error", "TYPE", group="Envelope (optional):"),
        Option(
            "--reply-to",
            "Answer this message (42, or 42:BOXE of another device)",
            "ID",
            group="Envelope (optional):",
        ),
        Option("--thread", "Group related messages", "NAME", group="Envelope (optional):"),
        Option("--transcript", "Exchanges of yours, or @name:5-10", "5-10", group=HANDED),
        Option("--file", "A file", "PATH", group=HANDED),
        Option("--event", "An event or a message", "ID", count, group=HANDED),
    ),
    run,
    "text",
    (
        'hcom send --from ci "@luna the build is green"',
        "hcom send @luna --from ci --intent inform --thread build -- 'it took $(time)'",
        "hcom send @luna --from ci --transcript @kira:1-2 -- 'this is how it was decided'",
        "hcom send @luna --from ci --event 1 -- look",
        "printf 'a\\nb\\n' | hcom send @luna --from ci --stdin",
    ),
    """
An address is exact: @name, @tag-name, @tag for a group, @name:BOXE on another device,
@bigboss for the person. E-mail addresses, `code` and fenced blocks hold no addresses.
A reply without an address goes to the author; it stays in the author's thread.
""",
)
