"""The keys, one table: from it come dispatch, the line at the bottom, the ? page and the README."""

import re
from collections import namedtuple
from enum import Enum

from .. import errors
from ..adapters import TOOLS
from ..errors import HcomError


class View(Enum):
    """What has the keys."""

    AGENTS, STREAM, PAGE, WRITE, LINE, ASK = range(6)


A, S, P, W, L, Q = View
LISTS, READ, TYPED = (A, S), (A, S, P), (W, L)


# `names` of keys as `typed` has them, where they work, the verb that they are for, what that does,
# and the word for it at the bottom ("" for none).
Key = namedtuple("Key", "names views verb help word", defaults=("",))


KEYS = (
    Key(("j", "Down", "WheelDown"), READ, "down", "One down"),
    Key(("k", "Up", "WheelUp"), READ, "up", "One up"),
    Key(("PgDn", " "), READ, "page_down", "A screen down"),
    Key(("PgUp",), READ, "page_up", "A screen up"),
    Key(("g", "Home"), READ, "first", "To the first, of the stream the oldest event"),
    Key(("G", "End"), READ, "last", "To the last; the stream follows what comes"),
    Key(("Tab", "Shift-Tab"), LISTS, "other", "To the other list, agents or stream"),
    Key(("Enter",), LISTS, "open", "All of the selected agent or event", "open"),
    Key(("Esc",), LISTS, "unfilter", "No filter any more, and no word at the bottom"),
    Key(("Esc",), (P,), "back", "Back to the list", "back"),
    Key(("m", "@"), READ, "write", "Write to the selected agent", "write"),
    Key(("b",), READ, "everyone", "Write to everyone; Enter twice sends"),
    Key(("r",), READ, "reply", "Reply to the selected message, or what the agent asks", "reply"),
    Key(("e",), READ, "follow", "To the event that the selected notice or reply is about"),
    Key(("z",), LISTS, "fold", "Of each thread only the newest message; again: all"),
    Key(("a",), READ, "answer", "To who needs you, to answer; again: to the next", "answer"),
    Key(("t",), READ, "transcript", "What the selected agent was asked and answered", "transcript"),
    Key(("v",), READ, "screen", "What the selected agent's terminal shows"),
    Key(("o",), READ, "window", "To the selected agent's window (tmux, kitty, WezTerm)"),
    Key(("x",), READ, "stop", "The selected agent leaves; its program runs on; asks first", "stop"),
    Key(("X",), READ, "kill", "End the selected agent's program; asks first"),
    Key(("R",), READ, "resume", "Start the selected agent's program again; asks first"),
    Key(("f",), READ, "fork", "Start a copy of the selected agent; asks first"),
    Key(("n",), READ, "launch", "Launch agents, in windows or headless", "launch"),
    Key(("T",), READ, "tag", "Give the selected agent a tag"),
    Key(("s",), READ, "subscribe", "What you and the selected agent are told of; more, or less"),
    Key(("c",), READ, "settings", "The settings, and to change one"),
    Key(("h",), READ, "status", "What is installed and wrong; add hooks, or remove them"),
    Key(("w",), READ, "run", "The workflows, what they said, and to run one"),
    Key(("d",), READ, "relay", "The relay and the devices there; turn it on or off"),
    Key(("A",), READ, "archive", "What was before each reset"),
    Key(("/",), LISTS, "filter", "Show only some events (agent:luna, type:life, a word)", "filter"),
    Key(("M",), READ, "mouse", "Wheel and click are for hcom, or for the terminal (Shift: always)"),
    Key(("Ctrl-L",), READ, "redraw", "Draw all of the screen anew"),
    Key(("Ctrl-Z",), READ, "suspend", "Back to the shell; fg returns"),
    Key(("q", "Ctrl-C"), READ, "quit", "Quit", "quit"),
    Key(("?",), READ, "help", "These keys", "keys"),
    Key(("Enter",), (W,), "send", "Send it", "send"),
    Key(("Alt-Enter", "Ctrl-J"), (W,), "newline", "A new line", "new line"),
    Key(("Tab",), TYPED, "complete", "Complete the word; again: what it may become", "complete"),
    Key(("Ctrl-T",), (W,), "intent", "Next intent: request, inform, none", "intent"),
    Key(("Up",), (W,), "earlier", "What was sent before"),
    Key(("Down",), (W,), "later", "What was sent after that"),
    Key(("PgDn", "Down"), (L,), "page_down", "A screen down of what is above the line"),
    Key(("PgUp", "Up"), (L,), "page_up", "A screen up of it"),
    Key(("Left",), TYPED, "left", "A letter back"),
    Key(("Right",), TYPED, "right", "A letter on"),
    Key(("Home", "Ctrl-A"), TYPED, "begin", "To the begin of the line"),
    Key(("End", "Ctrl-E"), TYPED, "end", "To the end of the line"),
    Key(("Backspace",), TYPED, "erase", "Erase the letter before"),
    Key(("Delete", "Ctrl-D"), TYPED, "erase_next", "Erase the letter behind"),
    Key(("Ctrl-W",), TYPED, "erase_word", "Erase the word before"),
    Key(("Ctrl-U",), TYPED, "erase_line", "Erase the line up to here"),
    Key(("Enter",), (L,), "take", "Take it", "take"),
    Key(("Esc", "Ctrl-C"), TYPED, "cancel", "Leave it", "leave"),
    Key(("y",), (Q,), "yes", "Do it", "yes"),
    Key(("t",), (Q,), "all_tagged", "Do it to all with the same tag"),
    Key(("n", "Esc", "Enter", "q", "Ctrl-C"), (Q,), "cancel", "Leave it", "no"),
)


NAMES = {key.verb: key.names[0] for key in reversed(KEYS)}
# On a narrow line the first of these goes first; what is in none of them stays.
GIVE_WAY = ("transcript", "filter", "newline", "launch", "stop", "reply", "intent", "open")


# Commands that hints name, and the verb of the key that does the same here.
COMMANDS = {
    **dict.fromkeys(TOOLS, "launch"),
    "archive": "archive",
    "config": "settings",
    "events sub": "subscribe",
    "fork": "fork",
    "hooks": "status",
    "kill": "kill",
    "relay": "relay",
    "resume": "resume",
    "run": "run",
    "send": "write",
    "status": "status",
    "stop": "stop",
    "term": "screen",
    "transcript": "transcript",
}
# But for those that say more than the line behind the key takes.
COMMAND = re.compile(rf"\bhcom ({'|'.join(COMMANDS)})\b(?! -|.* - <)")


def hinted(text: str) -> str:
    """A hint, with the keys for the commands in it: what follows a command is typed after the
    key."""
    return COMMAND.sub(
        lambda found: f"[{NAMES[COMMANDS[found[1]]]}]" + f" {found[1]}" * (found[1] in TOOLS),
        text.replace("events sub --help", "events sub").replace(" --info", ""),
    )


def told(error: HcomError) -> str:
    """The error as one line, with its hint."""
    return errors.told(HcomError(error.message, hinted(error.hint)))


def verb(view: View, name: str) -> str:
    """What the key is for there; "" for nothing."""
    return next((k.verb for k in KEYS if view in k.views and name in k.names), "")


def line(view: View, room: int) -> str:
    """The keys of the view that there is room for: what gives way stands in `GIVE_WAY`."""
    shown = {k.verb: f"{k.names[0]} {k.word}" for k in KEYS if view in k.views and k.word}
    for verb in GIVE_WAY:
        if len("  ".join(shown.values())) > room:
            shown.pop(verb, "")
    return "  ".join(shown.values())


def _shown(name: str) -> str:
    return "Space" if name == " " else name


def table(views) -> list[str]:
    """The keys of these views, a line each."""
    return [
        f"{' '.join(map(_shown, k.names)):<22}{k.help}" for k in KEYS if set(k.views) & set(views)
    ]


def reference() -> str:
    """All keys, as the README has them."""
    parts = (("In lists and pages", READ), ("Writing", TYPED), ("When asked", (Q,)))
    return "\n\n".join(
        "\n".join([f"{title}:", *("  " + row for row in table(views))]) for title, views in parts
    )
