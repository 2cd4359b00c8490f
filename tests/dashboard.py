"""The dashboard in a pane of a tmux server of the test's own."""

import contextlib
import shutil
import unittest
from pathlib import Path

from tests.rig.log import Model
from tests.rig.pane import Pane, Tmux, script
from tests.sealed import Sealed


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class Dashboard(Sealed):
    """Two agents, and panes."""

    def setUp(self):
        super().setUp()
        self.env = {k: v for k, v in self.home.env.items() if k != "AI_AGENT"}
        self.env["TERM"] = "tmux-256color"
        self.luna = self.home.start()
        self.nova = self.home.start()

    panes = 0

    def pane(self, argv=("hcom",), **env) -> Pane:
        # a socket of its own: a server that has just been ended may still have the old one
        self.panes += 1
        self.tmux = Tmux(Path(self.home.root, f"tmux{self.panes}"))
        given = script([*argv], Path(self.home.work), {**self.env, **env})
        self.tmux(
            "new-session", "-d", "-s", "one", "-x", "80", "-y", "24", given,
            ";", "set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "status",
            "off", ";", "set-option", "-s", "escape-time", "0",
        )  # fmt: skip
        self.addCleanup(self.over, self.tmux)
        self.model = Model(Path(self.home.root, "none"), Path(self.home.root, "none"))
        return Pane(self.tmux, "one", self.model)

    def over(self, tmux: Tmux) -> None:
        """The terminal is closed."""
        with contextlib.suppress(AssertionError):  # it has been
            tmux("kill-server")

    def begun(self, **env) -> Pane:
        """The dashboard, which shows both agents."""
        pane = self.pane(**env)
        pane.until(rf"(?s)-- agents --.*{self.luna}.*-- stream --.*{self.nova}  created")
        return pane

    def drawer(self, pane: Pane) -> int:
        """The process that draws."""
        children = Path(f"/proc/{pane.pid}/task/{pane.pid}/children").read_text().split()
        return int(children[0])
