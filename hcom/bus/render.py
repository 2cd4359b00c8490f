"""How a message looks to an agent: one stable text form, whose frame the text cannot forge.

Everything that reaches a terminal or a client goes through `clean` or `frame` first.
"""

import re

from .agent import BIGBOSS, Agent, is_person
from .message import EXTERNAL, FORBIDDEN, REQUEST, SYSTEM, Message, forbidden

# What a message's frame begins with, and the pattern that finds its number in what a model was
# shown; not compiled here, for few processes look.
MARK = "[hcom message #"
FRAMED = re.escape(MARK) + r"(\d+) "
# What in a text looks like the beginning of a line of ours, to one who does not see what is nothing
# to see: such characters count as \0 here (see `_seen`). No two parts in it can take the same one,
# else a text of nothing but them takes quadratic time.
FORGED = r"(?i)\[[\0 \t]*(?:/[\0 \t]*)?h\0*c\0*o\0*m(?![a-z0-9_])"
# Letters and brackets that look like ours, of those that are not made of ours; and what is blank
# though Unicode calls it a letter or a sign.
ALIKE = {
    **dict.fromkeys("\u04bb\u0570\u13c2", "h"),
    **dict.fromkeys("\u0441\u03f2\u1d04\u2ca5", "c"),
    **dict.fromkeys("\u043e\u03bf\u0585\u1d0f\u2c9f\u0d20", "o"),
    **dict.fromkeys("\u043c\u03bc\u1d0d\u2c99", "m"),
    **dict.fromkeys("\u3010\u3014\u3016\u301a\u27e6\u2772\u2045\ufe5d\u2308\u23a1", "["),
    **dict.fromkeys("\u2044\u2215\u29f8", "/"),
    **dict.fromkeys("\u115f\u1160\u2800", "\0"),
    **{sign: sign for sign in "·“”…"},  # of our own lines: to look one up takes long
}
NOTICE_CHARS = 120  # more than any line of ours that says what is left out


def clean(text: str) -> str:
    """`text` without anything a terminal obeys: each control character as a visible escape."""
    if forbidden(text) is None:
        return text
    return re.sub(
        FORBIDDEN,
        lambda m: (
            f"\\x{ord(m.group()):02x}" if ord(m.group()) < 256 else f"\\u{ord(m.group()):04x}"
        ),
        text,
    )


def one_line(text: str, width: int = 200) -> str:
    """`text` cleaned, on one line, cut to `width` characters."""
    flat = " ".join(clean(text.replace("\t", " ")).split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


def age(seconds: float) -> str:
    """A duration as people say it: 5s, 3m, 2h, 4d."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(int(seconds), 0)}s"


def quoted(text: str, width: int = 200) -> str:
    """What somebody wrote, as a part of a line of ours: `one_line`, in quotes it can't end."""
    return "“" + one_line(text, width).replace("“", '"').replace("”", '"') + "”"


def _seen(char: str) -> str:
    """The one character that `char` looks like: \0 for what is nothing to see."""
    import unicodedata  # most texts have nothing but ASCII

    kept = [
        one
        for one in unicodedata.normalize("NFKD", char.casefold())
        if unicodedata.category(one) not in ("Cf", "Cn", "Mn", "Me", "Zs")
    ]
    return ALIKE.get(kept[0], kept[0]) if len(kept) == 1 else char if kept else "\0"


def harmless(text: str) -> str:
    """`text`, `clean`, with a backslash before all that could be taken for a line of hcom."""
    text = clean(text)
    seen = text
    if not text.isascii():
        seen = text.translate(
            {ord(c): ALIKE.get(c) or _seen(c) for c in set(text) if not c.isascii()}
        )
    if "[" not in seen:
        return text
    found = [0, *(match.start() for match in re.finditer(FORGED, seen)), len(text)]
    return "\\".join(text[at:end] for at, end in zip(found, found[1:]))


def header(message: Message) -> str:
    """The first line of the frame: id, sender, intent, thread, what it answers."""
    sender, envelope = message.sender, message.envelope
    who = f"from {sender.tag + '-' if sender.tag else ''}{sender.name}"
    if sender.kind == EXTERNAL:
        person = " (the person)" if sender.name == BIGBOSS else " (the person there)"
        who += person if is_person(sender.name) else " (not an agent)"
    thread = envelope.thread and f"thread {envelope.thread}"
    answers = envelope.reply_to and f"in reply to #{envelope.reply_to}"
    said = " · ".join(filter(None, (who, envelope.intent, thread, answers)))
    return f"{MARK}{message.id} {harmless(one_line(said))}]"


def footer(message: Message, option: str = "") -> str:
    """The last line of the frame, with the command that answers; `option` as Agent has it."""
    sender = message.sender
    if sender.kind == SYSTEM or (sender.kind == EXTERNAL and not is_person(sender.name)):
        return f"[/hcom #{message.id}]"
    verb = "answer" if message.envelope.intent == REQUEST else "to reply"
    to = f"@{harmless(one_line(sender.name))}{option} --reply-to {message.reference}"
    return f"[/hcom #{message.id} {verb}: hcom send {to} -- TEXT]"


def size(text: str) -> int:
    """The length of `text` as clients count it: in UTF-16 units, so an emoji is two."""
    is_plain = text.isascii() or max(text) <= "\uffff"  # most are: no codec is loaded
    return len(text) if is_plain else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str, units: int) -> str:
    return text.encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore")


def frame(message: Message, limit: int = 0, option: str = "") -> str:
    """`message` in the form agents see, at most `limit` UTF-16 units long (0: whole); `option` as
    Agent has it.

    What is cut is said, with the command that shows it all.
    """
    text = harmless(message.text)
    top, bottom = header(message), footer(message, option)
    whole = f"{top}\n{text}\n{bottom}"
    if not limit or size(whole) <= limit:
        return whole
    kept = _cut(text, max(limit - len(top) - len(bottom) - NOTICE_CHARS, 0))
    return (
        f"{top}\n{kept}\n[hcom: {len(text) - len(kept)} more characters, read them all: "
        f"hcom events --message {message.id}]\n{bottom}"
    )


def _hint(agent: Agent, budget: int) -> str:
    """The line that carries the agent's hints; it never takes more than a quarter of the budget."""
    if not agent.hints:
        return ""
    text = harmless(quoted(agent.hints, len(agent.hints)))
    who = f"set by {one_line(agent.hints_by, 40)}" if agent.hints_by else "of the settings"
    return f"[hcom hint, {who}] {_cut(text, budget // 4) if budget else text}"


def fitting(messages: list[Message], agent: Agent, budget: int = 0) -> list[str]:
    """The frames of as many of `messages` to the agent, from the first, as fit in `budget` units
    (0: all) with its hints; at least one, cut where it alone is too long."""
    frames: list[str] = []
    used, room = 0, budget - size(_hint(agent, budget)) - NOTICE_CHARS
    for message in messages:
        one = frame(message, room if budget and not frames else 0, agent.option)
        used += size(one) + 1
        if budget and frames and used > room:
            break
        frames.append(one)
    return frames


def inbox(frames: list[str], agent: Agent, budget: int = 0, waiting: int = 0) -> str:
    """The text that hands framed messages to the agent, with its hints; `waiting` more come
    later."""
    more = [f"[hcom: {waiting} more waiting, they follow]"] if waiting else []
    return "\n".join([*frames, *filter(None, [_hint(agent, budget)]), *more])
