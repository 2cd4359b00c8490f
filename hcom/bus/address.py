"""Who a message is for: the addresses in its text, and the agents each one means.

Exact and case-insensitive, never a prefix of another name. Decided once, when a message is sent.
"""

import re
from collections import namedtuple

from ..errors import UnknownAgent
from .agent import BIGBOSS
from .names import near

# A word may not stand in front of the @ (an e-mail address), nor a path behind the name
# (@scope/package). A device has four letters, and more only as bus.remote makes them.
DEVICE = r"(?::(?:[A-Za-z0-9]{4}|(?:[B-Z][AEIOU]){3,8}))?"
MENTION = re.compile(rf"(?<![\w.@/\\+-])@([A-Za-z0-9][\w-]*{DEVICE})(?![\w/@])")
CODE = r"(^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\2[ \t]*$|\Z))|(`+)(?!`).+?(?<!`)\3(?!`)"


# `names` get the message; `mentions` were addressed; `scope` is broadcast or mentions
Recipients = namedtuple("Recipients", "names mentions scope")


def mentions(text: str) -> list[str]:
    """The addresses in `text`, without @, in order, each once; code is not looked at."""
    found: dict[str, str] = {}
    if "`" in text or "~~~" in text:  # in most there is none: the pattern takes long to compile
        text = re.sub(CODE, " ", text, flags=re.DOTALL | re.MULTILINE)
    for match in MENTION.finditer(text):
        found.setdefault(match[1].lower(), match[1])
    return list(found.values())


def matches(mention: str, agents) -> list[str]:
    """The names of the `agents` that `mention` means: one by name, or all who carry the tag; on
    this device, or on the one that is named."""
    wanted, _, place = mention.lower().partition(":")
    there = [agent for agent in agents if agent.place.lower() == place]
    for agent in there:
        if mention.lower() in (agent.name.lower(), agent.display.lower()):
            return [agent.name]
    tag = wanted[:-1] if wanted.endswith("-") else wanted
    return [agent.name for agent in there if agent.tag and agent.tag.lower() == tag]


def recipients(addresses: list[str], listed, known, sender: str, persons=()) -> Recipients:
    """Who gets a message from `sender` that names `addresses`.

    `listed` take part now and get broadcasts; `known` can also be addressed by name (they have
    ended and may resume); `persons` are those of other devices (bigboss:BOXE). UnknownAgent when an
    address means nobody: then nothing is sent.
    """
    if not addresses:
        return Recipients([a.name for a in listed if a.name != sender], [], "broadcast")
    names, unknown = [], []
    for mention in addresses:
        found = [one for one in (BIGBOSS, *persons) if one.lower() == mention.lower()]
        if not found:
            found = matches(mention, listed) or matches(mention, known)
        if not found:
            unknown.append(mention)
        names += [name for name in found if name not in names and name != sender]
    if unknown:
        raise unknown_address(unknown, known)
    return Recipients(names, names + [sender] * (not names), "mentions")


def unknown_address(unknown: list[str], known) -> UnknownAgent:
    """The error for addresses that mean nobody, with the names that come near."""
    names = {a.display for a in known} | {a.name for a in known} | {a.tag for a in known if a.tag}
    lowered = {name.lower(): name for name in names}
    close = [f"@{lowered[n]}" for mention in unknown for n in near(mention.lower(), lowered)]
    hint = f"did you mean {' or '.join(dict.fromkeys(close))}? Else" if close else "hcom list;"
    return UnknownAgent(
        "nothing sent: no agent " + ", ".join(f"@{m}" for m in unknown),
        hint + " text that only looks like an address goes after -- or in `backticks`",
    )
