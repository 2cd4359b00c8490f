"""How a message looks to an agent: one stable text form, whose frame the text cannot forge.

Everything that reaches a terminal or a client goes through `clean` or `frame` first.
"""

import re

from .agent import BIGBOSS
from .message import EXTERNAL, FORBIDDEN, REQUEST, SYSTEM, Message

# What a message's frame begins with, and the pattern that finds its number in what a model was
# shown; not compiled here, for few processes look.
MARK = "[hcom message #"
FRAMED = re.escape(MARK) + r"(\d+) "
# A line of the text that begins like our frame gets a backslash. Unicode line ends count too, a
# model may read them as such, and so does what it does not see: zero-width and soft characters.
# Line ends are no white space in here, else a text of nothing but them takes quadratic time.
FORGED = re.compile(
    "(^|[\n\u2028\u2029])((?:[^\\S\n\u2028\u2029]|[\u00ad\u200b-\u200f\u2060-\u2064\ufeff])*)"
    "(?=\\[/?hcom\\b)",
    re.IGNORECASE,
)
NOTICE_CHARS = 120  # more than any line of ours that says what is left out


def clean(text: str) -> str:
    """`text` without anything a terminal obeys: each control character as a visible escape."""
    return FORBIDDEN.sub(
        lambda m: (
            f"\\x{ord(m.group()):02x}" if ord(m.group()) < 256 else f"\\u{ord(m.group()):04x}"
        ),
        text,
    )


def one_line(text: str, width: int = 200) -> str:
    """`text` cleaned, on one line, cut to `width` characters."""
    flat = " ".join(clean(text.replace("\t", " ")).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


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
    return f"{MARK}{message.id} {' · '.join(parts)}]"


def footer(message: Message) -> str:
    """The last line of the frame, with the command that answers."""
    sender = message.sender
    if sender.kind == SYSTEM or (sender.kind == EXTERNAL and sender.name != BIGBOSS):
        return f"[/hcom #{message.id}]"
    verb = "answer" if message.envelope.intent == REQUEST else "to reply"
    return f"[/hcom #{message.id} {verb}: hcom send @{sender.name} --reply-to {message.id} -- TEXT]"


def size(text: str) -> int:
    """The length of `text` as clients count it: in UTF-16 units, so an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, units: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore")


def frame(message: Message, limit: int = 0) -> str:
    """`message` in the form agents see, at most `limit` UTF-16 units long (0: whole).

    What is cut is said, with the command that shows it all.
    """
    text = FORGED.sub(r"\1\2\\", clean(message.text))
    top, bottom = header(message), footer(message)
    whole = f"{top}\n{text}\n{bottom}"
    if not limit or size(whole) <= limit:
        return whole
    kept = _cut(text, max(limit - len(top) - len(bottom) - NOTICE_CHARS, 0))
    return (
        f"{top}\n{kept}\n[hcom: {len(text) - len(kept)} more characters, read them all: "
        f"hcom events --message {message.id}]\n{bottom}"
    )


def _hint(hints: str, budget: int) -> str:
    """The block that carries the hints; they never take more than a quarter of the budget."""
    if not hints:
        return ""
    return "[hcom hint] " + (_cut(clean(hints), budget // 4) if budget else clean(hints))


def _room(hints: str, budget: int) -> int:
    """What of `budget` is left for messages."""
    return budget - size(_hint(hints, budget)) - NOTICE_CHARS


def fitting(messages: list[Message], hints: str, budget: int = 0) -> list[str]:
    """The frames of as many of `messages`, from the first, as fit in `budget` units (0: all) with
    their hints; at least one, cut where it alone is too long."""
    frames: list[str] = []
    used, room = 0, _room(hints, budget)
    for message in messages:
        one = frame(message, room if budget and not frames else 0)
        used += size(one) + 1
        if budget and frames and used > room:
            break
        frames.append(one)
    return frames


def inbox(frames: list[str], hints: str, budget: int = 0, waiting: int = 0) -> str:
    """The text that hands framed messages to an agent, with its hints; `waiting` more come
    later."""
    more = [f"[hcom: {waiting} more waiting, they follow]"] if waiting else []
    return "\n".join([*frames, *filter(None, [_hint(hints, budget)]), *more])
