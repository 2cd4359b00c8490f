"""Versions of clients, as tuples of numbers; None is one that is not known, taken for the newest.
Pure, and light: hooks may ask. What came with which stands in each adapter's own table.
"""


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
