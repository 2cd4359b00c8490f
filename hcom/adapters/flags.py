"""Default arguments and those of the command line made one list, by a tool's table of flags."""

from collections import namedtuple


class Table(
    namedtuple(
        "Table",
        "value optional variadic alias repeated",
        defaults=(frozenset(), frozenset(), {}, frozenset()),
    )
):
    """Which flags take one value, may take one, take several, by their long forms; `alias` leads to
    those from the short ones; `repeated` are those that add up. All other flags take none."""

    __slots__ = ()


def groups(args, table: Table) -> list[tuple[str, list[str]]]:
    """`args` in pieces that belong together: (flag, or "" for a positional; words)."""
    found, i = [], 0
    while i < len(args):
        word, end = args[i], i + 1
        flag = word.partition("=")[0] if word.startswith("--") else word
        flag = table.alias.get(flag, flag)
        next_flag = next((n for n in range(end, len(args)) if args[n].startswith("-")), len(args))
        if word == "--":
            flag, end = "", len(args)
        elif not word.startswith("-") or len(word) == 1:
            flag = ""
        elif flag in table.variadic:
            end = next_flag
        elif flag in table.value and "=" not in word:
            end += 1
        elif flag in table.optional and "=" not in word:
            end = min(end + 1, next_flag)
        found.append((flag, list(args[i:end])))
        i = end
    return found


def value(words: list[str]) -> str:
    """What such a piece gives its flag: the last word, or what stands behind its "="; "" for
    nothing."""
    return words[-1] if len(words) > 1 else words[0].partition("=")[2]


def values(args, table: Table) -> dict[str, str]:
    """The flags that are said, by their long names, with the value each has: the last that is
    given, "" for none."""
    return {flag: value(words) for flag, words in groups(args, table) if flag}


def merged(defaults, given, table: Table) -> list[str]:
    """`given` with those `defaults` in front that it does not say itself; what is given wins, but
    for flags that add up.

    A variadic default is put last of the defaults and closed by a flag of `given`, if there is one,
    so that it does not eat a prompt: where there is none, it goes behind the prompt.
    """
    said = values(given, table)
    kept = [
        (flag, words)
        for flag, words in groups(defaults, table)
        if not flag or flag not in said or flag in table.repeated
    ]
    plain = [w for flag, words in kept if not flag or flag not in table.variadic for w in words]
    greedy = [w for flag, words in kept if flag in table.variadic for w in words]
    return plain + list(given) + greedy if "--" not in given else greedy + plain + list(given)
