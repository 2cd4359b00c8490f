"""How a message looks to an agent: one stable text form, whose frame the text cannot forge.

Everything that reaches a terminal or a client goes through `clean` or `frame` first.
"""

import re

from .agent import BIGBOSS
from .message import EXTERNAL, FORBIDDEN, REQUEST, SYSTEM, Message

# A line of the text that begins like our frame gets a backslash. Unicode line ends count too:
# a model may read them as such.
FORGED = re.compile("(^|[\n\u2028\u2029])([^\\S\n]*)(?=\\[/?hcom\\b)", re.IGNORECASE)


def clean(text: str) -> str:
    """`text` without anything a terminal obeys: each control character as a visible escape."""
    return FORBIDDEN.sub(lambda m: f"\\x{ord(m.group()):02x}" if ord(m.group()) < 256
                         else f"\\u{ord(m.group()):04x}", text)


def one_line(text: str, width: int = 200) -> str:
    """`text` cleaned, on one line, cut to `width` characters."""
    flat = " ".join(clean(text.replace("\t", " ")).split())
    return flat if len(flat) <= width else flat[:width - 1] + "…"


def header(message: Message) -> str:
    """The first line of the frame: id, sender, intent, thread, what it answers."""
    sender, envelope = message.sender, message.envelope
    parts = [f"from {sender.tag + '-' if sender.tag else ''}{sender.name}"]
    if sender.kind == EXTERNAL:
        parts[0] += " (the person)" if sender.name == BIGBOSS else " (not an agent)"
    if envelope.intent:
        parts.append(envelope.intent)
    if envelope.thread:
        parts.append(f"thread {envelope.thread}")
    if envelope.reply_to:
        parts.append(f"in reply to #{envelope.reply_to}")
    return f"[hcom message #{message.id} {' · '.join(parts)}]"


def footer(message: Message) -> str:
    """The last line of the frame, with the command that answers."""
    sender = message.sender
    if sender.kind == SYSTEM or (sender.kind == EXTERNAL and sender.name != BIGBOSS):
        return f"[/hcom #{message.id}]"
    verb = "answer" if message.envelope.intent == REQUEST else "to reply"
    return f"[/hcom #{message.id} {verb}: hcom send @{sender.name} --reply-to {message.id} -- TEXT]"


def frame(message: Message, limit: int = 0) -> str:
    """`message` in the form agents see, at most about `limit` characters long (0: whole).

    What is cut is said, with the command that shows it all.
    """
    text = FORGED.sub(r"\1\2\\", clean(message.text))
    top, bottom = header(message), footer(message)
    room = limit - len(top) - len(bottom) - 120
    if limit and len(text) > room:
        rest = len(text) - max(room, 0)
        text = (text[:max(room, 0)]
                + f"\n[hcom: {rest} more characters, read them all: hcom events --message {message.id}]")
    return f"{top}\n{text}\n{bottom}"


def fitting(messages: list[Message], budget: int) -> int:
    """How many of `messages`, from the first, fit in `budget` characters; at least one."""
    used = 0
    for count, message in enumerate(messages):
        used += len(clean(message.text)) + len(header(message)) + len(footer(message)) + 2
        if used > budget:
            return max(count, 1)
    return len(messages)


def inbox(messages: list[Message], hints: str, budget: int = 0, waiting: int = 0) -> str:
    """The text that hands `messages` to an agent, with its hints; `waiting` more come later."""
    blocks = [frame(m, budget - len(hints)) if budget else frame(m) for m in messages]
    if hints:
        blocks.append(f"[hcom hint] {clean(hints)}")
    if waiting:
        blocks.append(f"[hcom: {waiting} more waiting, they follow]")
    return "\n".join(blocks)
