"""Versions of clients, as tuples of numbers; None is one that is not known, taken for the newest.
Light: hooks may ask. What came with which stands in each adapter's own table.
"""

import os
import re

from .base import document


def numbers(text: str) -> "tuple[int, ...] | None":
    """The first version that a text names."""
    said = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, said.groups())) if said else None


def placed(path: str, package: str) -> "tuple[int, ...] | None":
    """The version of a program in the npm `package`, or in a file or folder that is called by it,
    as by installers that keep several; None where its place tells nothing."""
    above = path = os.path.realpath(path)
    known = []
    for _ in range(5):  # codex-linux-x64/vendor/x86_64-unknown-linux-musl/codex/codex
        above = os.path.dirname(above)
        said = document(os.path.join(above, "package.json"))
        known += [str(said.get("version"))] if said.get("name") == package else []
    parts = path.split(os.sep)[-2:]
    known += [part for part in parts[::-1] if re.fullmatch(r"\d+(\.\d+)+", part)]
    return next(filter(None, map(numbers, known)), None)


def has(version, since) -> bool:
    """Whether a client of `version` has what came `since`."""
    return version is None or version >= since


def lacking(name: str, version, what: str, since) -> str:
    """What people are told of a client whose `version` has not what came `since`; "" where it has.
    The one place for these words: launch, status, list and send pass them on."""
    if has(version, since):
        return ""
    said, needed = (".".join(map(str, known)) for known in (version, since))
    return f"{name} {said} {what}: {needed} or later does"
