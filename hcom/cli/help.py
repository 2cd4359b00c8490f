"""Help texts, made from the declarations of the commands."""

from .. import __version__, adapters, config
from .catalog import COMMANDS, find
from .model import NAME, Command

COLUMN = 34  # where the meanings begin: the longest common form is 33 wide


def _line(form: str, meaning: str, indent: int = 2) -> str:
    left = " " * indent + form
    if not meaning:
        return left
    return f"{left}  {meaning}" if len(left) >= COLUMN else f"{left:<{COLUMN}}{meaning}"


def overview() -> str:
    """The text of `hcom --help`."""
    lines = [
        f"hcom {__version__}: messages and shared context between AI coding agents",
        "",
        "Usage:",
        _line("hcom", "Watch and steer agents on one screen (? there: its keys)"),
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
        f"hcom <command> --help tells the rest, as does hcom {adapters.TOOLS[0]} --help.",
    ]
    return "\n".join(lines)


def page(command: Command, words=()) -> str:
    """The text of `hcom <command> --help`; of a part's, where that is among the `words`."""
    for part in command.parts:
        if part.name.split()[1] in words:
            return _page(part, part.options)
    apart = {said for part in command.parts for said in (*part.options, *part.examples)}
    shown = command._replace(examples=[one for one in command.examples if one not in apart])
    return _page(shown, [one for one in (*command.options, NAME) if one not in apart])


def launch(tool: str) -> str:
    """The text of `hcom TOOL --help`: what hcom makes of it, and where the client's own is."""
    printing = f"{adapters.load(tool, 'launch').PRINTING} 'do task x'"
    program = adapters.load(tool, "setup").PROGRAM
    settings = [(key, one.about) for key, one in config.KEYS.items() if _concerns(tool, key, one)]
    settings += [(key, "Its system prompt") for key in config.PASSED_ON if tool.upper() in key]
    settings += [("HCOM_GO=1", "An agent that launches is shown what it would do; this does it")]
    stays = "it stays for messages" if adapters.has(tool, "stream") else "it ends when that is done"
    usage = (
        (f"hcom {tool} [args]", f"One here, in this terminal; args go to {program} as they are"),
        (f"hcom N {tool} [args]", "N of them, each in a new window, pane or tab"),
        (f"hcom {tool} 'do task x'", "With a first prompt"),
        (f"hcom {tool} {printing}", "Without a terminal; " + stays),
        (
            f"hcom {tool} --headless",
            "Without a window; it stays for messages, hcom term NAME shows it",
        ),
        (f"HCOM_TAG=api hcom 2 {tool}", "As a group, api-luna and api-nova: @api reaches both"),
    )
    notes = ["Environment, or hcom config:", *(_line(*one) for one in settings), ""]
    notes += [
        "Then: hcom list, hcom term NAME (its screen), hcom events launch (blocks until they",
        "are ready), hcom kill NAME, hcom resume NAME.",
        "",
        f"{program}'s own options: {program} --help",
    ]
    return _page(
        Command(tool, f"Run {tool} as an agent", usage, (), launch, "", (), "\n".join(notes)), ()
    )


def _concerns(tool: str, key: str, setting) -> bool:
    """Whether a launch of the tool goes by the setting."""
    return key in ("HCOM_TAG", "HCOM_TERMINAL", "HCOM_HINTS") or tool in setting.about.lower()


def _page(command: Command, options) -> str:
    lines = [f"hcom {command.name}: {command.summary}", "", "Usage:"]
    lines += [_line(form, meaning) for form, meaning in command.usage]
    groups: dict[str, list[str]] = {}
    for option in options:
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
    pages = {}
    for command in map(find, COMMANDS):
        pages[command.name] = page(command)
        pages.update((part.name, _page(part, part.options)) for part in command.parts)
    pages |= {tool: launch(tool) for tool in adapters.TOOLS}
    for name, text in pages.items():
        parts += ["", f"## {name}", "", *_fenced(text)]
    return "\n".join(parts)


def api() -> str:
    """The text of `hcom run docs --api`: the docstrings of the API, and how a script is written."""
    import inspect

    from .. import api as front
    from .. import scripts

    def section(heading: str, what) -> str:
        return f"{heading}{_call(what)}\n\n{inspect.getdoc(what)}"

    parts = [section(f"## hcom.{one.__name__}", one) for one in (*front.FUNCTIONS, front.Session)]
    members = vars(front.Session).items()
    parts += [section(f"### Session.{n}", one) for n, one in members if not n.startswith("_")]
    parts.append(section("## hcom.HcomError", front.HcomError))
    return "\n\n".join(["# Python API", *parts, inspect.getdoc(scripts) or ""])


def _call(what) -> str:
    """The arguments of a function with their defaults."""
    import inspect

    if not inspect.isfunction(what):
        return ""
    given = inspect.signature(what).parameters.values()
    shown = [one.replace(annotation=one.empty) for one in given if one.name != "self"]
    return str(inspect.Signature(shown))


def _fenced(text: str) -> list[str]:
    return ["```text", text, "```"]
