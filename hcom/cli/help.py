"""Help texts, made from the declarations of the commands."""

from .. import __version__, adapters
from .catalog import COMMANDS, find
from .model import NAME, Command

COLUMN = 34  # where the meanings begin: the longest common form is 33 wide


def _line(form: str, meaning: str, indent: int = 2) -> str:
    left = " " * indent + form
    if not meaning:
        return left
    if len(left) >= COLUMN:
        return f"{left}  {meaning}"
    return f"{left:<{COLUMN}}{meaning}"


def overview() -> str:
    """The text of `hcom --help`."""
    lines = [
        f"hcom {__version__}: messages and shared context between AI coding agents",
        "",
        "Usage:",
        _line(f"hcom [N] {'|'.join(adapters.TOOLS)} [args]", "Run N clients as agents"),
        _line("hcom <command>", "Run a command"),
        "",
        "Commands:",
    ]
    lines += [_line(name, find(name).summary) for name in COMMANDS]
    lines += [
        "",
        "Identity:",
        "  An agent's commands need no name. In any other tool: hcom start gives you one,",
        "  put --name NAME on every hcom command after that.",
        "",
        "hcom <command> --help tells the rest.",
    ]
    return "\n".join(lines)


def page(command: Command) -> str:
    """The text of `hcom <command> --help`."""
    lines = [f"hcom {command.name}: {command.summary}", "", "Usage:"]
    lines += [_line(form, meaning) for form, meaning in command.usage]
    groups: dict[str, list[str]] = {}
    for option in (*command.options, NAME):
        flags = ", ".join(sorted(option.flags.split(), key=len, reverse=True))
        form = f"{flags} {option.value}" if option.value else flags
        groups.setdefault(option.group, []).append(_line(form, option.help, 4))
    for group, options in groups.items():
        lines += ["", f"  {group}" if group else "  Options:", *options]
    if command.notes:
        lines += ["", *(f"  {n}" if n else "" for n in command.notes.strip("\n").split("\n"))]
    if command.examples:
        lines += ["", "Examples:", *(f"  {example}" for example in command.examples)]
    return "\n".join(lines)


def reference() -> str:
    """Every command's help as Markdown: for `hcom run docs --cli` and for the README."""
    parts = ["# Commands", "", *_fenced(overview())]
    for name in COMMANDS:
        parts += ["", f"## {name}", "", *_fenced(page(find(name)))]
    return "\n".join(parts)


def _fenced(text: str) -> list[str]:
    return ["```text", text, "```"]
