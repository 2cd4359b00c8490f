"""Where hcom keeps its state. Reads the environment it is given, creates directories on demand.

The directory is 0700 and every file in it 0600: it holds what agents say to each other.
"""

import os
from collections import namedtuple

# The parts of HCOM_DIR/run: who is an agent here, who has mail, what waits to be recorded,
# the doorbells, who owns an agent's wake.
RUN_PARTS = ("marks", "mail", "spool", "bells", "wake")


class Home(namedtuple("Home", "root tools")):
    """`root` is HCOM_DIR; `tools` is the directory that holds .claude, .gemini and .codex."""

    __slots__ = ()

    def path(self, *parts: str) -> str:
        """The path of something inside HCOM_DIR."""
        return os.path.join(self.root, *parts)

    @property
    def db(self) -> str:
        return self.root + "/hcom.db"

    @property
    def is_default(self) -> bool:
        """Whether this is the person's own ~/.hcom, whose hooks go to the clients' own homes."""
        return os.path.dirname(self.root) == self.tools and os.path.basename(self.root) == ".hcom" \
            and self.tools == os.path.expanduser("~")


def locate(env) -> Home:
    """The home that `env` names: HCOM_DIR, else ~/.hcom. Nothing is created."""
    user = env.get("HOME") or os.path.expanduser("~")
    given = env.get("HCOM_DIR", "")
    if not given:
        return Home(os.path.join(user, ".hcom"), user)
    root = os.path.abspath(os.path.expanduser(given))
    return Home(root, os.path.dirname(root))


def create(home: Home) -> None:
    """HCOM_DIR and its run/ parts exist and are private. OSError when that cannot be."""
    os.makedirs(home.root, mode=0o700, exist_ok=True)
    if os.stat(home.root).st_mode & 0o077:
        os.chmod(home.root, 0o700)
    for part in RUN_PARTS:
        os.makedirs(os.path.join(home.root, "run", part), mode=0o700, exist_ok=True)


def write_private(path: str, text: str, mode: int = 0o600) -> None:
    """`path` holds exactly `text`, replaced in one step; a reader sees the old file or the new."""
    temporary = f"{path}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
