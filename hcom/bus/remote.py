"""What other devices and those on them are called here, and where a relay may be. Pure."""

import re
from collections import namedtuple

from ..errors import HcomError

ONSETS, VOWELS = "BDFGHJKLMNPRSTVWXZ", "AEIOU"
SHORT, LONG = 4, 16  # letters of a label
# What is told to others as a status and is none: what became of a message, and what is told in the
# place of what is in an archive by now.
RECEIPT, NOTHING = "receipt:", "nothing"
REVIVED = "revived"  # a receipt: what was undeliverable waits again
HCOM = "hcom"  # who does there what another device asks for, and says what came of it


# Where a relay is; `path` is what stands before /push, without a slash at its end; the port is None
# where none is said.
Target = namedtuple("Target", "scheme user host port path")


# Patterns are not compiled here: who sends loads this, and has no use for them.
_TARGET = (
    r"(https|http|ssh)://(?:([A-Za-z0-9_][\w.-]*)@)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-f:.]+\])"
    r"(?::([0-9]{1,5}))?((?:/(?:(?![?#])[!-~])*)?)"
)
# This machine and private networks, by their numbers: a name may mean any.
_NEAR = (
    r"localhost|\[::1\]|\[f[cd][0-9a-f]{2}:[0-9a-f:.]*\]|"
    r"(127|10|192\.168|172\.(1[6-9]|2[0-9]|3[01]))(\.[0-9]{1,3}){1,3}"
)


def target(url: str) -> Target:
    """The relay of the URL. HcomError when nothing is sent there: by http the token would be shown
    to all between."""
    found = re.fullmatch(_TARGET, url, re.ASCII)
    scheme, user, host, port, path = found.groups("") if found else ("",) * 5
    wrong = not found or (user and scheme != "ssh") or (port and int(port) > 65535)
    if wrong or (scheme == "http" and not re.fullmatch(_NEAR, host)):
        raise HcomError(
            f"not a URL of a relay: {url!r}",
            "https://..., http:// on this machine or a private network, ssh://USER@HOST",
        )
    return Target(scheme, user, host.strip("[]"), int(port) if port else None, path.rstrip("/"))


def letters(device: str) -> str:
    """Letters that one can say, always the same for a device: its label begins with them."""
    from hashlib import sha256  # where there are no other devices, nothing else needs it

    digest = sha256(device.encode()).digest()[:LONG]
    pairs = zip(digest[::2], digest[1::2])
    return "".join(ONSETS[one % len(ONSETS)] + VOWELS[two % len(VOWELS)] for one, two in pairs)


def labels(devices) -> "dict[str, str]":
    """What each device is called: four letters; where two have the same, both have as many more as
    make them differ, so that what was typed before never means another one."""
    full = {device: letters(device) for device in devices}
    found = {}
    for device, mine in full.items():
        others = [other for one, other in full.items() if one != device]
        sizes = range(SHORT, LONG, 2)
        size = next((n for n in sizes if mine[:n] not in {o[:n] for o in others}), LONG)
        found[device] = mine[:size]
    return found


def at(name: str, label: str) -> str:
    """The name, on this machine, of who is called `name` on the device `label`."""
    return f"{name}:{label}"


def split(word: str) -> "tuple[str, str]":
    """A name, or a number, and the device behind it; "" for none."""
    name, _, label = word.partition(":")
    return name, label.upper()
