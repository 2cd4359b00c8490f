"""A command, declared once: its arguments, help and examples. Parsing and help are made from it."""

from collections import namedtuple
from contextlib import suppress

from ..errors import UsageError

ANY = 1_000_000  # as many words as one likes


class Option(
    namedtuple("Option", "flags help value kind default group", defaults=("", str, None, ""))
):
    """`flags` as typed ("-v", "--from -b"); `value` names the value, "" for a switch, [SEC] for one
    that may be left out; `kind` parses it."""

    __slots__ = ()

    @property
    def key(self) -> str:
        """The name of the parsed value."""
        return max(self.flags.split(), key=len).lstrip("-").replace("-", "_")


class Command(
    namedtuple(
        "Command",
        "name summary usage options run words examples notes rest parts most",
        defaults=("", (), "", "", (), ANY),
    )
):
    """`usage` are (form, meaning) lines; `words` names the free arguments, at `most` so many, ""
    for none; `examples` are whole command lines that a test runs; `run(call) -> exit code`. `rest`
    says what an argument that looks like an option and is none of ours is: VALUE, one of the words;
    SCRIPT, with all behind the first word, another program's. Each of `parts` has a page of its
    own, named by the word behind the command's: what of the options and examples stands there."""

    __slots__ = ()


VALUE, SCRIPT = "value", "script"

NAME = Option("--name", "Identity (agent name or UUID)", "NAME")


def seconds(text: str) -> float:
    """A duration in seconds. UsageError when it is none."""
    with suppress(ValueError):
        value = float(text)
        if 0 <= value <= 1e9:
            return value
    raise UsageError(f"not a number of seconds: {text!r}", "use one such as 2 or 0.5")


def count(text: str) -> int:
    """A count from 1 to 1,000,000. UsageError when it is none."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= 1_000_000):
        raise UsageError(f"not a count: {text!r}", "use a number from 1 to 1000000")
    return int(text)


def asks_for_help(command: Command, argv: list[str]) -> bool:
    """Whether --help or -h is for us: not what is behind --, nor another program's."""
    ours = argv[: _first_word(command, argv)] if command.rest == SCRIPT else argv
    ours = ours[: ours.index("--")] if "--" in ours else ours
    return "--help" in ours or "-h" in ours


def taking(command: Command) -> set[str]:
    """The flags of the command behind which a value must stand."""
    options = (o for o in (*command.options, NAME) if o.value and not o.value.startswith("["))
    return {flag for option in options for flag in option.flags.split()}


def _first_word(command: Command, argv: list[str]) -> int:
    """Where the first free argument stands: it is no option, nor an option's value."""
    valued = taking(command)
    return next(
        (
            i
            for i, arg in enumerate(argv)
            if not arg.startswith("-") and (i == 0 or argv[i - 1] not in valued)
        ),
        len(argv),
    )


def parse(command: Command, argv: list[str]):
    """`argv` by the command's declaration: (values, words, words behind --). UsageError."""
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message):
            raise UsageError(message, f"hcom {command.name} --help")

    tail = None
    if command.rest == SCRIPT:
        first = _first_word(command, argv)
        argv, tail = argv[: first + 1], argv[first + 1 :]
    elif "--" in argv:
        cut = argv.index("--")
        argv, tail = argv[:cut], argv[cut + 1 :]
    # With a width given it does not ask the terminal for one, which loads a dozen modules.
    parser = Parser(
        prog=f"hcom {command.name}",
        add_help=False,
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.HelpFormatter(prog, width=80),
    )
    for option in (*command.options, NAME):
        flags = option.flags.split()
        if not option.value:
            parser.add_argument(*flags, dest=option.key, action="store_true")
        elif option.value.startswith("["):
            parser.add_argument(*flags, dest=option.key, nargs="?", const="", default=None)
        else:
            parser.add_argument(*flags, dest=option.key, default=option.default)
    parser.add_argument("words", nargs="*")
    if command.rest == VALUE:
        values, unknown = parser.parse_known_intermixed_args(argv)
        values.words += unknown
    else:
        values = parser.parse_intermixed_args(argv)
    extra = [*values.words, *(tail or ())][command.most if command.words else 0 :]
    if extra:
        raise UsageError(f"unexpected argument: {extra[0]!r}", f"hcom {command.name} --help")
    for option in command.options:
        given = getattr(values, option.key)
        if option.value and given not in (None, "") and option.kind is not str:
            setattr(values, option.key, option.kind(given))
    return values, values.words, tail
