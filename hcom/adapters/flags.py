"""Default arguments and those of the command line made one list, by a tool's table of flags."""

from collections import namedtuple


class Table(
    namedtuple(
        "Table",
        "value optional variadic alias repeated",
        defaults=(frozenset(), frozenset(), {}, frozenset()),
    )
):
    """Which flags take one value, may take one, take several (sets of flags as typed); `alias`
    leads a short form to its long one; `repeated` are the long ones that add up. All other flags
    take none."""

    __slots__ = ()


def groups(args, table: Table) -> list[tuple[str, list[str]]]:
    """`args` in pieces that belong together: (flag, or "" for a positional; words)."""
    found, i = [], 0
    while i < len(args):
        word = args[i]
        flag = word.partition("=")[0] if word.startswith("--") else word
        if word == "--":
            found.append(("", list(args[i:])))
            break
        if not word.startswith("-") or len(word) == 1:
            found.append(("", [word]))
            i += 1
            continue
        end = i + 1
        if flag in table.value and "=" not in word:
            end = i + 2
        elif flag in table.optional and "=" not in word:
            end += end < len(args) and not args[end].startswith("-")
        elif flag in table.variadic:
            while end < len(args) and not args[end].startswith("-"):
                end += 1
        found.append((table.alias.get(flag, flag), list(args[i:end])))
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
