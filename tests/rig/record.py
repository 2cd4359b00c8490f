"""Record what a client draws, and what tmux makes of it, for the tests of our own screen reader.

    python3 -m tests.rig.record codex    writes tests/data/pty/codex-VERSION.STATE.{gz,json}

What the client wrote up to a state is cut there and played to a fresh tmux pane, which says how
it looks: so both are of the same moment, also while something moves.
"""

import gzip
import json
import re
import sys
import time
from pathlib import Path

from tests.rig import clients
from tests.rig.pane import Pane
from tests.rig.settings import Permissions
from tests.rig.world import READY, World

DATA = Path(__file__).resolve().parent.parent / "data" / "pty"
COLS, ROWS = 100, 30
FRAME_END = b"\x1b[?2026l"
TRUST = {"claude": "I trust this folder", "gemini": "Do you trust", "codex": "Trust this folder"}
DIALOG = {
    "claude": "Do you want to proceed",
    "gemini": "Allow execution of",
    "codex": "Would you like to run",
}
RISKY = {"claude": "RUN: touch made", "gemini": "RUN: touch made", "codex": "RUN: rm -rf ../other"}


class Recorder:
    """One client in a pane; what it writes goes to a file, too."""

    def __init__(self, world: World, client: str, cwd: Path):
        tool, version = clients.CLIENTS[client].tool, clients.CLIENTS[client].version
        self.world, self.name = world, f"{tool}-{version}"
        self.raw, go = world.root / f"{cwd.name}.raw", world.root / f"{cwd.name}.go"
        wait = f'while [ ! -e {go} ]; do sleep 0.05; done; exec "$@"'
        argv = [tool, "--no-daemon"] if tool == "codex" else [tool]
        self.pane = self.shown(cwd.name, ["sh", "-c", wait, "sh", *argv], cwd)
        world.tmux("pipe-pane", "-t", self.pane.target, "-O", f"cat >>{self.raw}")
        go.touch()

    def shown(self, name: str, argv: list[str], cwd: Path) -> Pane:
        return self.world.pane(name, argv, cwd, cols=COLS, rows=ROWS)

    def keep(self, state: str, moving: bool = False) -> None:
        """Both files of this state are written."""
        if not moving:
            self.pane.settle()
        time.sleep(0.3)  # what tmux has shown, its pipe still has to bring
        data = self.raw.read_bytes()
        if moving and FRAME_END in data:
            data = data[: data.rindex(FRAME_END) + len(FRAME_END)]
        data = data.replace(self.world.root.name.encode(), b"hw-recorded")
        played = self.world.root / f"{state}.played"
        played.write_bytes(data)
        play = f"stty raw -echo; cat {played}; exec sleep 600"
        shown = self.shown(f"play-{state}", ["sh", "-c", play], self.world.projects[0])
        lines = [line.rstrip() for line in shown.settle().split("\n")]
        x, y = map(int, shown.fact("#{cursor_x} #{cursor_y}").split())
        # past the last column it waits there to wrap
        judged = {"cols": COLS, "rows": ROWS, "cursor": [min(x, COLS - 1), y], "screen": lines}
        (DATA / f"{self.name}.{state}.gz").write_bytes(gzip.compress(data, mtime=0))
        (DATA / f"{self.name}.{state}.json").write_text(
            json.dumps(judged, indent=1, ensure_ascii=False) + "\n"
        )


def main(client: str) -> None:
    tool = clients.CLIENTS[client].tool
    permissions = Permissions.STOCK if tool == "codex" else Permissions.ASK
    with World({tool: client}, permissions) as world:
        strange = world.root / "strange"
        world.run(["git", "init", "--quiet", str(strange)])  # Codex asks of repositories alone
        recorder = Recorder(world, client, strange)
        recorder.pane.until(TRUST[tool])
        recorder.keep("trust")
        recorder = Recorder(world, client, world.projects[0])
        pane = recorder.pane
        pane.until(READY[tool])
        recorder.keep("idle")
        pane.text("half a thought")
        pane.until("half a thought")
        recorder.keep("typed")
        pane.keys("C-u")
        pane.until(lambda screen: "half a thought" not in screen)
        pane.submit("STALL: 6")
        pane.until("esc to (interrupt|cancel)")
        time.sleep(1)
        recorder.keep("busy", moving=True)
        pane.until(lambda screen: not re.search("esc to (interrupt|cancel)", screen))
        pane.submit(RISKY[tool])
        pane.until(DIALOG[tool])
        recorder.keep("approval")
        pane.keys("Escape")
        pane.until(lambda screen: not re.search(DIALOG[tool], screen))
        recorder.keep("refused")


if __name__ == "__main__":
    main(sys.argv[1])
