"""Draws the pictures of the README: the real dashboard, on a terminal of ours, over a made-up room.

python3 docs/pictures.py [FOLDER]     writes agents.svg and stream.svg there, else beside this file
"""

import os
import re
import sys
import tempfile
import time
from html import escape
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from hcom import home as homes  # noqa: E402 - found by the line above
from hcom.bus.agent import BIGBOSS  # noqa: E402
from hcom.bus.message import INSTANCE, Envelope, Sender  # noqa: E402
from hcom.demo.terminal import Terminal  # noqa: E402
from hcom.hub import people  # noqa: E402
from hcom.ops import talk  # noqa: E402
from hcom.pty import screen  # noqa: E402
from hcom.store import agents, events  # noqa: E402
from hcom.store.connect import open_db, transaction  # noqa: E402

COLS, ROWS = 92, 27
USER = "/home/dev"  # nobody's: in the pictures it is ~
PATIENCE_S = 30.0
# Name, tool, tag, directory.
ROOM = (
    ("luna", "claude", "api", "api"),
    ("nova", "codex", "", "api"),
    ("kira", "claude", "web", "web"),
    ("milo", "gemini", "web", "web"),
    ("zara", "claude", "", "docs"),
)
# Seconds ago, who, and what: says (to whom, intent, text), does (tool, detail, kind of act), or is
# (status, context, detail).
SCRIPT: tuple = (
    (620, "zara", "says", "", "", "the docs are up to date with main"),
    (610, "kira", "is", "active", "prompt", "make the login page work with the new API"),
    (600, "milo", "is", "active", "prompt", "make the tests of the web pages pass"),
    (540, "kira", "does", "Edit", "src/login.ts", "edit"),
    (500, "milo", "says", "kira", "", "which files do you take?"),
    (490, "kira", "says", "milo", "inform", "I have src/login.ts, you have src/forms.ts"),
    (470, "milo", "does", "Edit", "src/forms.ts", "edit"),
    (430, "milo", "does", "Bash", "npm test -- forms", "command"),
    (300, "luna", "does", "Edit", "server/token.py", "edit"),
    (280, "luna", "says", "kira milo", "inform", "tokens now expire after an hour: POST /refresh"),
    (200, "kira", "does", "Bash", "npm run build", "command"),
    (190, "zara", "is", "listening", "stop", ""),
    (130, "nova", "says", "bigboss", "request", "which branch gets the fix, main or 2.x?"),
    (125, "nova", "is", "listening", "stop", ""),
    (65, "luna", "is", "blocked", "approval", "Bash: rm -r build"),
    (40, "milo", "does", "Edit", "src/forms.ts", "edit"),
    (30, "kira", "does", "Bash", "npm test -- login", "command"),
)
UNREAD = ("kira",)  # has not seen its mail
# By what keys a picture comes, and what is then on its screen.
PICTURES = {
    "agents": (("", r"which branch gets the fix.*q quit"),),
    "stream": (
        ("\tkkkk", ">»#"),
        ("r", "to nova"),
        ("2.x first, then main", "> 2.x first, then main"),
    ),
}
# SGR numbers of colours, and how they are drawn on a dark ground.
COLOURS = {31: "#ff7b72", 32: "#7ee787", 36: "#79c0ff"}
PLAIN, GROUND = "#d0d7de", "#0d1117"
DIM, BOLD, REVERSE, COLOUR = 1, 2, 4, 3  # a look is a byte: three bits, and above them the colour
WIDTH, HEIGHT, EDGE = 8.4, 18, 12  # of a cell and around all, in pixels


def room(home) -> None:
    """The agents are there, and have done what the script says."""
    now = time.time()
    with open_db(home) as db:
        for name, tool, tag, folder in ROOM:
            directory = f"{USER}/{folder}"
            people.join(db, tool, now - 900, name=name, tag=tag, directory=directory)
        for ago, name, *act in SCRIPT:
            play(db, name, now - ago, *act)


def play(db, name: str, at: float, verb: str, what: str, detail: str, more: str) -> None:
    """The agent did that, then."""
    if verb == "says":
        to = "".join(f"@{name} " for name in what.split())
        sent = talk.send(db, Sender(name, INSTANCE), more, to, Envelope(detail, "", ""), at)
        seen = "UPDATE deliveries SET state = 'seen' WHERE event_id = ? AND agent NOT IN (?, ?)"
        db.connection.execute(seen, (sent.id, BIGBOSS, *UNREAD))
        return
    with transaction(db):
        if verb == "is":
            events.append_status(db, name, what, detail, more, at)
            agents.set_status(db, name, what, detail, more, at)
        else:
            acts = ([detail], "") if more == "edit" else ([], detail)
            events.append_tool(db, name, "active", f"tool:{what}", detail, *acts, at)
            agents.set_status(db, name, "active", f"tool:{what}", detail, at)


def styled(look: int, numbers: list[int]) -> int:
    """The look after these SGR numbers: hcom itself keeps of one only whether it is dim."""
    for number in numbers:
        if number in (0, 39):
            look &= 7 * bool(number)
        elif number in COLOURS:
            look = (look & 7) | (number - 30) << COLOUR
        else:
            look |= {1: BOLD, 2: DIM, 7: REVERSE}.get(number, 0)
            look &= ~{22: BOLD | DIM, 27: REVERSE}.get(number, 0)
    return look


def svg(shown: screen.Screen) -> str:
    """The screen as a picture of text."""
    width, height = COLS * WIDTH + 2 * EDGE, ROWS * HEIGHT + 2 * EDGE
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">',
        f'<rect width="100%" height="100%" rx="6" fill="{GROUND}"/>',
    ]
    for number, row in enumerate(shown._grid.rows):
        y = EDGE + number * HEIGHT
        for look, cells in groupby(range(shown.cols), lambda x: row.look[x]):  # noqa: B023
            found = list(cells)
            text = "".join(row.text[x] for x in found)
            lines += piece(text, look, EDGE + found[0] * WIDTH, y, len(found) * WIDTH)
    return "\n".join([*lines, "</svg>\n"])


def piece(text: str, look: int, x: float, y: int, width: float) -> list[str]:
    """A run of cells that look alike."""
    colour = COLOURS.get((look >> COLOUR) + 30, PLAIN)
    found = []
    if look & REVERSE:
        found.append(
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{HEIGHT}" fill="{colour}"/>'
        )
        colour = GROUND
    if text.strip():
        how = ' font-weight="bold"' * bool(look & BOLD) + ' opacity=".6"' * bool(look & DIM)
        found.append(
            f'<text x="{x:.1f}" y="{y + 14}" textLength="{width:.1f}" xml:space="preserve" '
            f'fill="{colour}"{how}>{escape(text)}</text>'
        )
    return found


def until(terminal: Terminal, pattern: str) -> None:
    """The dashboard shows that, and comes to rest."""
    end = time.monotonic() + PATIENCE_S
    while not (re.search(pattern, terminal.text, re.S) and terminal.still(0.3)):
        if time.monotonic() > end:
            raise SystemExit(f"never {pattern!r}:\n{terminal.text}")
        time.sleep(0.02)
        terminal.pump()


def main(folder: Path) -> None:
    """The pictures are in the folder."""
    screen.styled = styled
    with tempfile.TemporaryDirectory(prefix="hcom-pictures-") as place:
        env = {
            "HOME": USER,
            "HCOM_DIR": f"{place}/.hcom",
            "LANG": "C.UTF-8",
            "PATH": os.environ.get("PATH", os.defpath),
            "TERM": "xterm-256color",
        }
        room(homes.locate(env))
        argv = [sys.executable, "-I", "-S", str(ROOT / "hcom")]
        for name, steps in PICTURES.items():
            terminal = Terminal(argv, env, place, COLS, ROWS)
            try:
                until(terminal, "q quit")
                for keys, pattern in steps:
                    terminal.type(keys)
                    until(terminal, pattern)
                (folder / f"{name}.svg").write_text(svg(terminal.mirror.screen), encoding="utf-8")
            finally:
                terminal.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parent)
