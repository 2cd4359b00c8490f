"""One sealed world: a home, a PATH, model servers and a terminal of its own for real clients.

Nothing in it reaches the real HOME or, where the machine allows a network namespace, anything but
its own loopback. At its end every process that it started is ended, and no other.

    with World() as world:
        luna = world.claude("luna")
        luna.ask("RUN: echo hello")
"""

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.rig import clients, settings
from tests.rig.log import Model
from tests.rig.pane import Pane, Tmux, script
from tests.rig.run import Running

REPO = Path(__file__).resolve().parent.parent.parent
# not /tmp, which Codex's sandbox leaves writable; short, for a socket's path has 108 bytes
PLACE = "/var/tmp"
SEAL = ["unshare", "--net"]
SEAL_AS_USER = ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
READY = {
    "claude": r"\? for shortcuts|shift\+tab to cycle",
    "gemini": r"^(?:│ | )[>*]\s+Type your message",  # with a frame up to 0.27
    "codex": r"^› ",
}
START_S = 40  # Gemini needs 3 s on an idle machine; two others may be starting beside it


@functools.cache
def seal() -> list[str]:
    """The command prefix that gives a network namespace; empty where there is none to be had."""
    for prefix in (SEAL, SEAL_AS_USER):
        try:
            if not subprocess.run([*prefix, "true"], capture_output=True, timeout=10).returncode:
                return prefix
        except FileNotFoundError:
            break
    return []


class World:
    """See the module. `tools` maps a command on the world's PATH to a client of `clients.CLIENTS`;
    by default every installed newest one."""

    def __init__(
        self,
        tools: dict[str, str] | None = None,
        permissions: settings.Permissions = settings.Permissions.FREE,
    ):
        newest = {tool: tool for tool in ("claude", "gemini", "codex") if clients.available(tool)}
        self.tools = newest if tools is None else tools
        self.permissions = permissions
        place = os.environ.get("HCOM_TEST_PLACE", PLACE)
        self.root = Path(tempfile.mkdtemp(prefix="hw-", dir=place))
        self.home, self.bin = self.root / "home", self.root / "bin"
        self.hcom_dir = self.home / ".hcom"
        self.model = Model(self.root / "requests.jsonl", self.root / "rules.json")
        self.tmux = Tmux(self.root / "tmux.sock")
        self.projects: list[Path] = []

    def __enter__(self) -> "World":
        try:
            for name in ("home", "bin", "tmp", "run", "out", "project"):
                (self.root / name).mkdir(mode=0o700)
            self.fill_path()
            self.hold()
            settings.write(self.home, self.port, self.permissions)
            self.project("project")
            self.run(
                [
                    *self.tmux.argv(
                        "new-session",
                        "-d",
                        "-s",
                        "world",
                        "-x",
                        "80",
                        "-y",
                        "24",
                        "exec sleep 86400",
                    )
                ]
            ).check_returncode()
            for option in (
                ("-g", "remain-on-exit", "on"),
                ("-g", "status", "off"),
                ("-g", "history-limit", "5000"),
                ("-s", "escape-time", "0"),
                ("-s", "default-terminal", "tmux-256color"),
            ):
                self.tmux("set-option", *option)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.end(keep=error is not None and bool(os.environ.get("HCOM_TEST_KEEP")))

    def end(self, keep: bool = False) -> None:
        """Every process of this world is gone, and its folder, unless kept."""
        if hasattr(self, "holder"):
            self.holder.stdin.close()  # the holder ends its descendants, the tmux server among them
            self.holder.wait(timeout=30)
            self.holder.stdout.close()
        if keep:
            print(f"kept {self.root}", file=sys.stderr)
        else:
            shutil.rmtree(self.root, ignore_errors=True)

    def fill_path(self) -> None:
        """bin/ holds hcom, node, python3 and the chosen clients; system tools come after it."""
        self.shim(
            "hcom",
            # as hooks run it: without site, which takes as long as half the commands
            f"#!{sys.executable} -IS\nimport sys\nsys.path.insert(0, {str(REPO)!r})\n"
            "from hcom.cli import main\nsys.exit(main())\n",
        )
        (self.bin / "python3").symlink_to(sys.executable)
        node = shutil.which("node")
        if node:
            (self.bin / "node").symlink_to(node)
        for command, name in self.tools.items():
            found = clients.available(name)
            if not found:
                raise RuntimeError(f"{name} is not installed: see clients.fetch")
            (self.bin / command).symlink_to(found)  # as npm does, by which hcom knows the package
        # Codex's shell tool is a login shell, and Debian's /etc/profile sets PATH anew
        (self.home / ".profile").write_text(f'PATH="{self.bin}:$PATH"\n')

    def shim(self, command: str, text: str) -> Path:
        """An executable of this name on the world's PATH."""
        path = self.bin / command
        path.unlink(missing_ok=True)  # what was there may be a link to an installed client
        path.write_text(text)
        path.chmod(0o755)
        return path

    def hold(self) -> None:
        """The holder runs, in a namespace where there is one, and serves the models."""
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(REPO),
            "LANG": "C.UTF-8",
            "RIG_NAMESPACE": "1" if seal() else "",
        }
        with open(self.root / "holder.err", "w") as errors:
            self.holder = subprocess.Popen(
                [*seal(), sys.executable, "-S", "-m", "tests.rig.holder", str(self.root)],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                # it has to outlive a test run that is killed with its group, to clean up after it
                start_new_session=True,
            )
        told = self.holder.stdout.readline()
        if not told:
            raise RuntimeError((self.root / "holder.err").read_text())
        self.port: int = json.loads(told)["port"]

    @property
    def env(self) -> dict[str, str]:
        """The environment of everything in this world, built from nothing."""
        return {
            "HOME": str(self.home),
            "HCOM_DIR": str(self.hcom_dir),
            "USER": "rig",
            "CODEX_HOME": str(self.home / ".codex"),
            "TMPDIR": str(self.root / "tmp"),
            "XDG_RUNTIME_DIR": str(self.root / "run"),
            "SHELL": "/bin/bash",
            "PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "TZ": "UTC",
            "LANG": "C.UTF-8",
            "TERM": "tmux-256color",
            "COLORTERM": "truecolor",
            **settings.environment(self.port),
        }

    def merged(self, env: "dict[str, str | None] | None") -> dict:
        """The world's environment with changes; RuntimeError where it would touch the real one."""
        merged = {**self.env, **(env or {})}
        real = {
            place.resolve()
            for place in (Path.home(), Path(os.environ.get("HCOM_DIR", Path.home() / ".hcom")))
        }
        for name in ("HOME", "HCOM_DIR", "CODEX_HOME"):
            if name in merged and Path(merged[name] or "/").resolve() in real:
                raise RuntimeError(f"{name} would be the real {merged[name]}")
        return merged

    def project(self, name: str) -> Path:
        """A folder of that name that all clients trust; made on first use."""
        place = self.root / name
        place.mkdir(exist_ok=True)
        if place not in self.projects:
            self.projects.append(place)
            settings.trust(self.home, place)
        return place

    def start(
        self,
        argv: list[str],
        env: "dict[str, str | None] | None" = None,
        cwd: Path | None = None,
        stdin: str = "",
    ) -> Running:
        """The command, begun, with no terminal."""
        return Running(self.root, argv, self.merged(env), cwd or self.projects[0], stdin)

    def run(
        self,
        argv: list[str],
        env: "dict[str, str | None] | None" = None,
        cwd: Path | None = None,
        stdin: str = "",
        timeout: float = 30,
    ) -> subprocess.CompletedProcess:
        """The command, finished, with no terminal."""
        return self.start(argv, env, cwd, stdin).wait(timeout)

    def pane(
        self,
        name: str,
        argv: list[str],
        cwd: Path | None = None,
        env: "dict[str, str | None] | None" = None,
        cols: int = 110,
        rows: int = 36,
    ) -> Pane:
        """The program in a new terminal of that size; `name` is unique in the world."""
        text = script(argv, cwd or self.projects[0], self.merged(env))
        path = self.root / "run" / f"{name}.sh"
        path.write_text(text)
        self.tmux(
            "new-session",
            "-d",
            "-s",
            name,
            "-x",
            str(cols),
            "-y",
            str(rows),
            f"exec /bin/sh {path}",
        )
        return Pane(self.tmux, f"={name}:", self.model)

    def ready(self, tool: str, name: str, argv: list[str], more: dict) -> Pane:
        """A client in a pane, at its empty prompt."""
        pane = self.pane(name, argv, **more)
        pane.until(READY[tool], START_S)
        pane.settle()
        return pane

    def claude(self, name: str = "claude", argv: list[str] | None = None, **more) -> Pane:
        """Claude Code at its empty prompt; `argv` may be ["hcom", "claude"], `more` is pane's."""
        return self.ready("claude", name, argv or ["claude"], more)

    def gemini(self, name: str = "gemini", argv: list[str] | None = None, **more) -> Pane:
        """Gemini CLI at its empty prompt."""
        return self.ready("gemini", name, argv or ["gemini"], more)

    def codex(self, name: str = "codex", argv: list[str] | None = None, **more) -> Pane:
        """Codex at its empty prompt, embedded: a daemon would outlive it and mix environments."""
        return self.ready("codex", name, argv or ["codex", "--no-daemon"], more)
