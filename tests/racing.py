"""The exchange race: an agent in its sandbox that exchanges all that it may write for what lies
outside, and commands of hcom's outside at the same time. Run as a program, it is one of the two:

    python3 racing.py inmate OUTSIDE STOP         until there is a file STOP, or LONG_S are over
    python3 racing.py outside TRIES COMMANDS      prints what came of how many, as JSON
"""

import ctypes
import json
import os
import random
import shutil
import signal
import sqlite3
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
LONG_S = 25.0  # Codex waits 30 s for a command of its agent, and goes on without it then
ROUND_S = 0.05
HUNG_S = 30.0  # five times what any of these commands waits for a lock
PREY = "01a202fe-0b64-70b3-a0d5-5f400e675cb9"  # a session, and the key of its mark
# In OUTSIDE, but for the last two.
LINKS = ("letter", "absent", "other.db", "bell", "socket", "folder", "/dev/zero", "/dev/full")
# What its database has beside its rows: each would run in any connection that comes across it.
# What runs by itself in a connection that comes across it, without an end.
ENDLESS = "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT sum(x) FROM c)"
PLANTED = {
    "trigger": f"CREATE TRIGGER t BEFORE INSERT ON events BEGIN SELECT {ENDLESS}; END;",
    "view": f"ALTER TABLE events RENAME TO e;CREATE VIEW events AS SELECT * FROM e WHERE {ENDLESS}",
    "ours": f"DROP VIEW events_v; CREATE VIEW events_v AS SELECT {ENDLESS} AS id",
}


def journal(victim: str, database: str) -> bytes:
    """A journal as of one who died; played back, it deletes what it names."""
    name, magic, page = victim.encode(), bytes.fromhex("d9d505f920a163d7"), 4096
    pages = os.path.getsize(database) // page if os.path.exists(database) else 0
    head = (magic + struct.pack(">5I", 0, 0, pages, 512, page)).ljust(512, b"\0")
    end = struct.pack(">2I", len(name), sum(name)) + magic
    return head + struct.pack(">I", 0x40000000 // page + 1) + name + end


class Inmate:
    """It knows the folders that it may write in HCOM_DIR, and what lies in `outside`."""

    def __init__(self, outside: str, chance: random.Random):
        self.home, self.outside, self.chance = os.environ["HCOM_DIR"], outside, chance
        self.db = f"{self.home}/db/hcom.db"
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.count = 0
        self.databases = [self.planted(sql) for sql in ("", *PLANTED.values())]
        self.restore(0)

    def planted(self, sql: str) -> bytes:
        """A database as it is now, with the row of an agent that would be woken, and more."""
        path = f"{self.home}/db/planted"
        with sqlite3.connect(self.db) as old, sqlite3.connect(path) as new:
            old.backup(new)
            row = {
                "name": "prey",
                "tool": "codex",
                "session": PREY,
                "pid": 1,
                "status": "listening",
                "status_at": time.time(),
                "created_at": time.time(),
                "client": json.dumps({"home": self.outside}),
                "transcript": f"{self.outside}/bell",
                "directory": self.outside,
            }
            marks = ", ".join("?" * len(row))
            new.execute(
                f"INSERT OR REPLACE INTO agents ({', '.join(row)}) VALUES ({marks})",
                list(row.values()),
            )
            new.execute("INSERT OR REPLACE INTO bindings VALUES ('session', ?, 'prey')", (PREY,))
            new.commit()
            new.executescript(sql)
        new.close()
        with open(path, "rb") as stream:
            data = stream.read()
        os.unlink(path)
        return data

    def put(self, path: str, data: bytes) -> None:
        with open(path + ".put", "wb") as stream:
            stream.write(data)
        os.replace(path + ".put", path)

    def restore(self, which: int, has_wal: bool = True) -> None:
        """All names in the folder of the database are genuine, by their look."""
        data = self.databases[which]
        for end in ("-wal", "-shm", "-journal"):
            self.drop(self.db + end)
        self.drop(self.db) if os.path.isdir(self.db) else None
        mode = b"\2\2" if has_wal else b"\1\1"
        self.put(self.db, data[:18] + mode + data[20:])

    def drop(self, path: str) -> None:
        try:
            os.unlink(path)
        except IsADirectoryError:
            shutil.rmtree(path, ignore_errors=True)
        except OSError:
            pass

    def make(self, kind: str, path: str) -> None:
        """Something of that kind is at `path`."""
        self.drop(path)
        if kind in LINKS:
            os.symlink(os.path.join(self.outside, kind), path)
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "directory":
            os.mkdir(path)
        elif kind == "hot":
            self.put(path, journal(f"{self.outside}/letter", self.db))
        elif kind == "foreign":
            with sqlite3.connect(path) as db:
                db.execute("CREATE TABLE agents (theirs)")
            db.close()
        elif kind == "without":  # a WAL, so that it would have to be made ready
            self.put(path, self.databases[0][:18] + b"\1\1" + self.databases[0][20:])
        else:
            self.put(path, b"prey\n" if kind == "plain" else os.urandom(8192))

    def exchange(self, name: str, kind: str) -> None:
        """What `name` is and the other thing change places; where `name` is not, it is now."""
        other = f"{os.path.dirname(name)}/.{kind.replace('/', '_')}"
        if not os.path.lexists(other):
            self.make(kind, other)
        flags = 2 if os.path.lexists(name) else 0
        self.libc.renameat2(-100, os.fsencode(name), -100, os.fsencode(other), flags)
        self.count += 1

    def targets(self) -> "dict[str, tuple[str, ...]]":
        """Names to be exchanged now, and for what; one of the database's at a time, so that it is
        what it should be half of the time."""
        common = (*LINKS, "fifo", "directory", "junk")
        base = self.chance.choice(("", "", "", "-wal", "-shm", "-journal"))
        more = {"": ("foreign", "without"), "-journal": ("hot",)}.get(base, ("hot",))
        bells = [name for name in os.listdir(f"{self.home}/run/bells") if name[0] != "."]
        bell = self.chance.choice([*bells, "prey.1"])
        return {
            self.db + base: common + more,
            f"{self.home}/run/marks/{PREY}=prey": common,
            f"{self.home}/run/mail/prey": common,
            f"{self.home}/run/bells/{bell}": common,
            f"{self.home}/run/wake/prey": common,
        }

    def round(self) -> None:
        self.restore(self.chance.randrange(len(self.databases)), self.chance.random() > 0.1)
        self.make("plain", f"{self.home}/run/marks/{PREY}=prey")
        if self.chance.random() < 0.5:
            self.make("hot", self.db + "-journal")
        chosen = [(name, self.chance.choice(kinds)) for name, kinds in self.targets().items()]
        end = time.monotonic() + ROUND_S
        while time.monotonic() < end:
            for name, kind in chosen:
                try:
                    self.exchange(name, kind)
                except OSError:
                    pass  # others make and remove, too
            time.sleep(self.chance.random() * 0.0003)


def door(outside: str) -> None:
    """Prints which of the plain ways out is open."""
    home, letter = os.environ["HCOM_DIR"], f"{outside}/letter"
    for name, act in (
        ("write", lambda: open(letter, "a").close()),
        ("make", lambda: os.mkdir(f"{outside}/x")),
        ("link", lambda: os.link(letter, f"{home}/db/letter")),
        ("move", lambda: os.rename(f"{home}/db", f"{home}/x")),
        ("keep", lambda: os.mkdir(f"{home}/.agents/x")),
    ):
        try:
            act()
            print("open", name)
        except OSError:
            pass


def inmate(outside: str, stop: str) -> None:
    end = time.monotonic() + LONG_S
    seed = int(os.environ.get("HCOM_TEST_SEED", time.time_ns() % 10**6))
    if os.path.exists(stop):
        return
    one = Inmate(outside, random.Random(seed))
    while time.monotonic() < end and not os.path.exists(stop):
        one.round()
        Path("raced").write_text(json.dumps([seed, one.count]))
    one.restore(0)


COMMANDS = (
    "list",
    "list -v",
    "send --from ci @prey -- hi",
    "events --last 5",
    "events --sql 1",
    "status",
    "start",
    "archive",
    "listen 0 --name prey",
    "hook claude UserPromptSubmit 1",
    "hook claude PostToolUse 1",
)
HOOKS = (("UserPromptSubmit", "now"), ("PostToolUse", "later"), ("SessionStart", "find"))


def outside(tries: int, real: int) -> None:
    """Each is tried in a fork, which has loaded all before; `real` of them as people and clients
    run them, hooks by their launcher."""
    sys.path.insert(0, str(REPO))
    from hcom import home as homes
    from hcom.adapters import launcher

    chance = random.Random(os.getpid())
    os.environ["CLAUDE_CODE_SESSION_ID"] = PREY
    home = homes.locate(os.environ)
    hooks = [["/bin/sh", "-c", launcher.command(home, "claude", *hook)] for hook in HOOKS]
    payload = json.dumps({"session_id": PREY, "cwd": "/", "prompt": "x", "tool_name": "Bash"})
    came: Counter = Counter()
    hung = []
    for number in range(tries):
        is_real = number % (tries // real) == 0
        argv = ["hcom", *chance.choice(COMMANDS).split()]
        if is_real and chance.random() < 0.5:
            argv = chance.choice(hooks)
        with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given:
            given.write(payload.encode() + b"\n")
            given.seek(0)
            done = ended(begun(argv, given.fileno(), errors.fileno(), not is_real))
            errors.seek(0)
            words = errors.read()
        if b"bug" in words or b"Traceback" in words:
            done = words.decode()
        came[done] += 1
        if done == "hung":
            hung.append(argv)
    print(json.dumps({"came": came, "hung": hung}))


def begun(argv: "list[str]", given: int, errors: int, is_loaded: bool) -> int:
    """A process that runs the command, in a session of its own."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        os.setsid()
        for number, descriptor in enumerate((given, os.open(os.devnull, os.O_WRONLY), errors)):
            os.dup2(descriptor, number)
        if argv[0] != "hcom" or not is_loaded:
            os.execvp(argv[0], argv)
        from hcom.cli import main

        code = main(argv[1:])
    finally:
        os._exit(code)


def ended(pid: int) -> str:
    """How that process ended: ok, refused or hung."""
    end = time.monotonic() + HUNG_S
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return "refused" if status else "ok"
        time.sleep(0.001)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hung"


if __name__ == "__main__":
    part, *given = sys.argv[1:]
    if part == "outside":
        outside(*map(int, given))
    elif part == "inmate":
        inmate(*given)
    else:
        door(*given)
