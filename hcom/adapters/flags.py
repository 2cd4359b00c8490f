"""Default arguments and those of the command line made one list, by a tool's table of flags."""

from collections import namedtuple

_NO: frozenset[str] = frozenset()


class Table(
    namedtuple(
        "Table",
        "value optional variadic none asides sessions alias repeated",
        defaults=(_NO, _NO, _NO, _NO, _NO, _NO, {}, _NO),
    )
):
    """Which flags take one value, may take one, take several, take none, by their long forms;
    `alias` leads to those from the short ones; `repeated` are those that add up. With one of
    `asides` as its first word, or as a flag, the client is no session; `sessions` are the other
    words that may stand first. A flag that is in no set takes none, but may take one where `none`
    names those that do not."""

    __slots__ = ()

    def knows(self, flags) -> bool:
        """Whether what these flags take is known."""
        return self.value | self.optional | self.variadic | self.none >= set(flags)


def names(text: str) -> frozenset[str]:
    """The flags or words in `text`."""
    return frozenset(text.split())


def groups(args, table: Table) -> list[tuple[str, list[str]]]:
    """`args` in pieces that belong together: (flag, or "" for a positional; words)."""
    found: list[tuple[str, list[str]]] = []
    i, verbs = 0, table.asides | table.sessions
    while i < len(args):
        word, end = args[i], i + 1
        long = word.startswith("--")
        flag, whole = (word.partition("=")[0], "=" in word) if long else (word[:2], len(word) > 2)
        flag = table.alias.get(flag, flag)
        next_flag = next((n for n in range(end, len(args)) if args[n].startswith("-")), len(args))
        if word == "--":
            flag, end = "", len(args)
        elif not word.startswith("-") or len(word) == 1:
            flag = ""
        elif flag in table.variadic:
            end = next_flag
        elif flag in table.none:  # more may be in the same word: -cp
            letters = ["-" + letter for letter in word[2:] if not long]
            found += [(table.alias[short], []) for short in letters if short in table.alias]
        elif flag in table.value and not whole:
            end += 1
        elif not whole and (
            flag in table.optional or table.none and verbs.isdisjoint(args[end : end + 1])
        ):
            end = min(end + 1, next_flag)
        found.append((flag, list(args[i:end])))
        i = end
    return found


def value(words: list[str]) -> str:
    """What such a piece gives its flag: the last word, or what is written onto it; "" for
    nothing."""
    if len(words) > 1:
        return words[-1]
    word = "".join(words)
    return word.partition("=")[2] if word.startswith("--") else word[2:].removeprefix("=")


def values(args, table: Table) -> dict[str, str]:
    """The flags that are said, by their long names, with the value each has: the last that is
    given, "" for none."""
    return {flag: value(words) for flag, words in groups(args, table) if flag}


def aside(args, table: Table) -> str:
    """The command or flag with which the client is no session; "" where it is one."""
    found = groups(args, table)
    said = [flag for flag, _ in found if flag]
    said += [words[0] for flag, words in found if not flag][:1]
    return next((word for word in said if word in table.asides), "")


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
