"""Names: four letters one can say and that nobody mistakes for another's."""

import re

from ..errors import HcomError, UsageError
from .agent import BIGBOSS

FIRST = (
    "luna",
    "nova",
    "kira",
    "milo",
    "zara",
    "remy",
    "tavi",
    "juno",
    "hugo",
    "lexi",
    "bodo",
    "sage",
    "yuki",
    "fern",
    "opal",
    "wren",
)
ONSETS = "bdfghjklmnprstvwz"
VOWELS = "aeiou"
# Lower case only: addresses ignore case, so two names must never differ by it alone.
VALID = r"[a-z][a-z0-9_]{1,30}"
TAG = r"[A-Za-z0-9][A-Za-z0-9-]{0,30}"
RESERVED = {BIGBOSS, "hcom", "all", "self", "system", "user"}
# Letters that people and models mix up when they read or type a name.
ALIKE = str.maketrans("cqyvwz015", "kkiuusols")


def _blurs(name: str) -> set[str]:
    """What is left of the name when it is read badly: two names that somebody could take for each
    other (one letter changed, more, fewer or swapped with its neighbour) have some in common."""
    flat = name.translate(ALIKE)
    return {flat, *(flat[:i] + flat[i + 1 :] for i in range(len(flat)))}


def fresh(taken, pick) -> str:
    """A new name that nobody takes for one in `taken`; `pick(sequence)` chooses (random.choice).

    When thousands of names are taken, being unlike the others is given up, being new never.
    """
    taken = set(taken)
    # Compared with each of a thousand names in turn, a new one would take a second.
    blurs = set().union(*map(_blurs, taken))
    for name in FIRST:
        if blurs.isdisjoint(_blurs(name)):
            return name
    for attempt in range(2000):
        name = pick(ONSETS) + pick(VOWELS) + pick(ONSETS) + pick(VOWELS)
        if attempt >= 300:
            name += pick(ONSETS) + pick(VOWELS)
        if name in taken or name in RESERVED:
            continue
        if attempt >= 600 or blurs.isdisjoint(_blurs(name)):
            return name
    raise HcomError("no free name left", "hcom reset")


def _unreserved(word: str, what: str) -> str:
    """`word`. UsageError when it is hcom's or the person's, or begins so."""
    lowered = word.lower()
    if lowered in RESERVED or lowered.startswith((BIGBOSS, "hcom")):
        raise UsageError(f"the {what} {word!r} is reserved", f"choose another {what}")
    return word


def check(name: str) -> str:
    """`name` as an agent's name. UsageError when it is malformed or reserved."""
    lowered = name.lower()
    if not re.fullmatch(VALID, lowered):
        raise UsageError(f"not a name: {name!r}", "2 to 31 letters, digits or _, a letter first")
    return _unreserved(lowered, "name")


def check_tag(tag: str) -> str:
    """`tag` as a group tag, "" for none. UsageError when it is malformed, or reserved: it stands
    where a name does."""
    if tag and not re.fullmatch(TAG, tag):
        raise UsageError(f"not a tag: {tag!r}", "use letters, digits and hyphens")
    return _unreserved(tag, "tag")


def check_external(name: str) -> str:
    """`name` as the sender of `send --from`. UsageError when it could be taken for someone else."""
    if not re.match(r"[A-Za-z][A-Za-z0-9_.-]{0,40}\Z", name):
        raise UsageError(f"not a sender name: {name!r}", "use letters, digits, _ . and -")
    return _unreserved(name, "name")


def stem(parent: str, kind: str) -> str:
    """What the names of the subagents of that kind begin with; a number follows."""
    start = parent[:20] + "_"
    word = re.sub(r"[^a-z0-9]+", "_", kind.lower()).strip("_")
    return start + (word[: 27 - len(start)].rstrip("_") + "_" if word else "")


def near(name: str, known) -> list[str]:
    """The names in `known` that `name` may have been meant for, at most three."""
    import difflib  # only on the way to an error message

    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)


def meant(name: str, known, otherwise: str) -> str:
    """The hint for a name that nobody has: one in `known` that comes near, or what else to do."""
    return next((f"did you mean {close}?" for close in near(name, known)), otherwise)
