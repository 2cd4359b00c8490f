"""Drives versions of the clients, old and new, and writes what works into docs/versions.md.

python3 bench/versions.py CLIENT               all versions in CLIENTS, fetched by npm
python3 bench/versions.py CLIENT VERSION ...   these; rows of others stay as they stand
python3 bench/versions.py CLIENT --print ...   shows the rows and writes nothing

They are fetched to where the tests' clients are (HCOM_TEST_CLIENTS), 100 to 400 MB each. Each runs
in tmux, in a sealed world of its own with a model server on loopback (tests/rig), started by
`hcom TOOL`. To add a client: a row in CLIENTS, and its `marks` as two lines in the document.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

REPO = Path(__file__).resolve().parent.parent
sys.path[0] = str(REPO)

from tests.rig import clients  # noqa: E402 - found by the line above
from tests.rig.log import Request  # noqa: E402
from tests.rig.pane import Pane  # noqa: E402
from tests.rig.room import MESSAGE, Room  # noqa: E402
from tests.rig.world import READY  # noqa: E402
from tests.waiting import looks  # noqa: E402

DOCUMENT = REPO / "docs" / "versions.md"
START_S = 40.0  # a client that is not at its prompt by then will not be
ARRIVES_S = 20.0  # what did not arrive by then will not
PRESS_S = 1.0  # between two keys that answer a dialog


class Tried(NamedTuple):
    """How the versions of one client are tried."""

    tool: str
    versions: tuple[str, ...]  # the oldest promised, both sides of each border, the newest
    # What a person presses where a screen has the pattern; what is no prompt yet is one after it.
    dialogs: dict[str, str] = {}
    harm: str = ""  # a screen that has this says that the person's own settings are not read
    # What a request has that this way of waking made; where none is found it was typed.
    ways: dict[str, str] = {}
    args: tuple[str, ...] = ()
    rules: dict[str, str] = {}  # what the model does where it first reads the pattern
    after: str = ""  # and at the next prompt, which is a wake


# A client without hooks is told to listen by what is typed.
BY_HAND: dict[str, Any] = {
    "rules": {r"Run `(hcom listen 1)`": r"RUN: \1"},
    "after": "RUN: hcom listen 1",
}

CLIENTS = {
    "claude": Tried(
        "claude",
        (
            "1.0.84",
            "1.0.85",
            "2.0.0",
            "2.0.76",
            "2.1.77",
            "2.1.78",
            "2.1.119",
            "2.1.120",
            "2.1.162",
            "2.1.163",
            "2.1.197",
            "2.1.223",
            "2.1.224",
            "2.1.332",
        ),
        dialogs={r"Settings Error[^^]*❯ 1\. Exit": "Down Enter"},
        harm="Settings Error",
        ways={"Another Claude session": "socket", "<task-notification>": "rewake"},
    ),
    "codex": Tried(
        "codex",
        (
            "0.60.1",
            "0.98.0",
            "0.123.0",
            "0.124.0",
            "0.130.0",
            "0.144.6",
            "0.145.0",
            "0.149.1",
            "0.156.1",
            "0.157.1",
            "0.162.1",
            "0.163.0",
            "0.171.0",
        ),
        **BY_HAND,
    ),
    "gemini": Tried(
        "gemini",
        (
            "0.22.4",
            "0.24.0",
            "0.25.0",
            "0.26.0",
            "0.27.4",
            "0.30.1",
            "0.31.0",
            "0.40.1",
            "0.61.0",
        ),
        **BY_HAND,
    ),
}


# What the table says of a version, and the head of its column; the document tells what it means.
COLUMNS = {
    "start": "start",
    "settings": "settings",
    "idle": "idle",
    "again": "idle again",
    "midturn": "mid-turn",
    "end": "turn end",
    "once": "once",
    "list": "list",
    "told": "told",
}


class Trial:
    """One version of a client in its own room, and what has been found of it."""

    def __init__(self, tried: Tried, version: str):
        self.tried, self.name = tried, f"{tried.tool}-{version}"
        clients.CLIENTS[self.name] = clients.CLIENTS[tried.tool]._replace(version=version)
        clients.fetch(self.name)
        self.found: dict[str, str] = {}
        self.sent: list[int] = []
        self.harmed = False  # whether the person's own settings are not read
        self.said: list[str] = []  # what hcom said of what does not work

    def run(self) -> dict[str, str]:
        """A cell for each column."""
        kind = type("TrialRoom", (Room,), {"tool": self.tried.tool})
        with kind(client=self.name) as self.room:
            for pattern, deed in self.tried.rules.items():
                self.room.world.model.rule(pattern, deed)
            self.pane = self.begun()
            self.found["start"] = self.start()
            if self.at_prompt():
                for column in ("idle", "again", "midturn", "end"):
                    with self.cell(column):
                        self.found[column] = getattr(self, column)()
                self.found["settings"] = self.settings()
                self.found["once"] = self.once()
                self.found.setdefault("list", "-")
                self.found["list"] += f", {self.status()}"
            self.found["told"] = self.told()
        return {column: self.found.get(column) or "not at its prompt" for column in COLUMNS}

    @contextmanager
    def cell(self, column: str) -> Iterator[None]:
        """A step that cannot be taken says so in its cell, and the others are."""
        try:
            yield
        except AssertionError as error:
            print(f"{self.name} {column}: {error}", file=sys.stderr)
            self.found[column] = "no: " + ("asks" if self.asks() else "not to be had")

    def begun(self) -> Pane:
        """`hcom TOOL` in a pane; what it says before the client stands in a file."""
        argv = ["sh", "-c", 'exec hcom "$@" 2>launch.err', "sh", self.tried.tool, *self.tried.args]
        return self.room.world.pane("luna", argv, cwd=self.room.folder("luna"))

    # -- what is seen --

    def agent(self) -> dict:
        """The agent, as `hcom list` says."""
        return next(iter(self.room.reported()), {})

    def status(self) -> str:
        """What `hcom list` calls it; where it is not at its prompt yet, also why."""
        agent = self.agent()
        more = agent.get("status_detail", "") if agent.get("status") == "inactive" else ""
        return f"{agent.get('status', 'gone')} {more}".strip()

    def at_prompt(self) -> bool:
        return bool(re.search(READY[self.tried.tool], self.pane.screen(), re.MULTILINE))

    def asks(self) -> bool:
        return bool(re.search(r"Do you want|❯ 1\. |Allow", self.pane.screen()))

    def requests(self) -> list[Request]:
        return self.room.world.model.requests()

    def arrived(self, message: int, since: float) -> Request | None:
        """The request that carried the message first; None where it does not come."""
        for _ in looks(ARRIVES_S):
            for request in self.requests():
                if request.t >= since and f"[hcom message #{message} " in request.fresh:
                    return request
        return None

    def until_at_rest(self) -> None:
        """The client is at its prompt, and hcom knows or will not."""
        for _ in looks(ARRIVES_S):
            if self.status().startswith("listening"):
                break
        self.pane.settle()

    # -- what is done --

    def send(self) -> int:
        """A message from outside; what `send` says of what does not work is kept."""
        text = f"word {len(self.sent)}"
        name = self.agent()["name"]
        done = self.room.world.run(["hcom", "send", "--from", "ci", f"@{name} {text}"])
        self.said += [f"send: {line}" for line in done.stderr.splitlines()]
        sent = re.search(r"sent #(\d+)", done.stdout)
        if not sent:
            raise AssertionError(f"not sent: {done.stdout}{done.stderr}")
        self.sent.append(int(sent[1]))
        return self.sent[-1]

    def ask(self, script: str) -> Request:
        """The model is given a script, as a person does it."""
        return self.pane.ask("\n".join(filter(None, (script, self.tried.after))))

    def start(self) -> str:
        """What `list` says once the client is at its prompt; dialogs are answered meanwhile."""
        for _ in looks(START_S):
            screen = self.pane.screen()
            self.harmed |= bool(self.tried.harm and re.search(self.tried.harm, screen))
            for pattern, keys in self.tried.dialogs.items():
                if re.search(pattern, screen, re.MULTILINE):
                    for key in keys.split():
                        time.sleep(PRESS_S)
                        self.pane.keys(key)
                    time.sleep(PRESS_S)
            if self.at_prompt() and self.status().startswith("listening"):
                break
            if not self.pane.alive:
                return "the client ended"
        self.pane.settle()
        return self.status()

    def settings(self) -> str:
        """Whether the person's settings were read: in them, tools run unasked."""
        return "no: skipped" if self.harmed or "asks" in self.found.get("midturn", "") else "yes"

    def idle(self) -> str:
        """A message to the idle client: what woke it, by the request that carries it."""
        since = time.time()
        request = self.arrived(self.send(), since)
        if not request:
            return "no"
        ways = self.tried.ways
        return next((way for mark, way in ways.items() if mark in request.fresh), "typed")

    def again(self) -> str:
        """A message to the idle client after a turn: what woke it."""
        self.until_at_rest()
        self.ask("SAY: first-answer")
        self.pane.until("first-answer")
        self.until_at_rest()
        return self.idle()

    def midturn(self) -> str:
        """Whether a message comes with the result of a tool that ran when it was sent."""
        self.until_at_rest()
        folder = self.room.folder("luna")
        # a file of its own: some versions ask before they run what they cannot read
        (folder / "wait.sh").write_text("touch runs; until [ -e go ]; do sleep 0.1; done\n")
        self.ask("RUN: sh wait.sh\nSAY: all-over")
        for _ in looks(ARRIVES_S):
            if (folder / "runs").exists():
                break
        else:
            raise AssertionError(f"no tool runs\n{self.pane.portrait()}")
        self.found["list"] = self.status()
        since, message = time.time(), self.send()
        (folder / "go").touch()
        request = self.arrived(message, since)
        if not request:
            return "no"
        before = [r for r in self.requests() if since <= r.t < request.t]
        return "no: after the turn" if before else "yes"

    def end(self) -> str:
        """Whether a message sent during a turn's last answer continues the turn."""
        self.until_at_rest()
        woken = len(self.room.log("wake.done"))
        asked = self.ask("STALL: 5\nSAY: last-words")
        request = self.arrived(self.send(), asked.t)
        if not request:
            return "no"
        return "by a wake" if len(self.room.log("wake.done")) > woken else "yes"

    def once(self) -> str:
        """How many of the messages came exactly once, by the last request."""
        self.until_at_rest()
        text = self.requests()[-1].text if self.requests() else ""
        came = [int(n) for n in MESSAGE.findall(text)]
        counts = [came.count(message) for message in self.sent]
        right, twice = counts.count(1), sum(n > 1 for n in counts)
        return f"{right} of {len(counts)}" + (f", {twice} TWICE" if twice else "")

    def told(self) -> str:
        """What a person is told of what does not work; each said once."""
        launch = (self.room.folder("luna") / "launch.err").read_text().splitlines()
        self.said += [f"launch: {line}" for line in launch if "this is" not in line]
        told = self.room.hcom("list", "-v").splitlines()
        self.said += [f"list: {m[0]}" for line in told if (m := re.search(r"not woken.*", line))]
        status = self.room.hcom("status").splitlines()
        self.said += [f"status: {line}" for line in status if re.search("version|or later", line)]
        home = self.room.world.env["HOME"]
        lines = [line.replace("|", "/").replace(home, "~") for line in self.said]
        known = dict.fromkeys(re.sub(r"\s+", " ", line) for line in lines)
        return "; ".join(known) or "nothing"


# -- the document --


def marks(client: str) -> tuple[str, str]:
    """The lines between which the client's table stands."""
    return f"<!-- {client}: bench/versions.py -->", f"<!-- {client}: end -->"


def merged(text: str, client: str, rows: dict[str, dict[str, str]]) -> str:
    """The document with those rows in the place of what stood there for these versions."""
    first, last = marks(client)
    before, _, rest = text.partition(first)
    old, _, after = rest.partition(last)
    known = {line.split("|")[1].strip(): line for line in old.splitlines() if line[2:3].isdigit()}
    for version, cells in rows.items():
        known[version] = f"| {version} | {' | '.join(cells[column] for column in COLUMNS)} |"
    order = sorted(known, key=lambda version: [int(n) for n in version.split(".")])
    head = ["version", *COLUMNS.values()]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(known[v] for v in order)]
    return "\n".join([before + first, *lines, last + after])


def main() -> int:
    """Drive, and write or print the rows."""
    parser = argparse.ArgumentParser(
        prog="bench/versions.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("versions", nargs="*")
    parser.add_argument("--print", action="store_true", help="write nothing")
    asked = parser.parse_intermixed_args()
    tried = CLIENTS[asked.client]
    for version in asked.versions or tried.versions:
        cells = Trial(tried, version).run()
        for column, head in COLUMNS.items():
            print(f"{version:<10}{head:<12}{cells[column]}", flush=True)
        if not asked.print:
            DOCUMENT.write_text(merged(DOCUMENT.read_text(), asked.client, {version: cells}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
