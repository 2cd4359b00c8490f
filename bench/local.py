"""What one hook and one command cost, beside the bare interpreter; and with a long log."""

import json
import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.bus import HCOM, SESSION, Bus
from bench.measure import BARE, Row, at_most, medians, timed
from hcom.adapters import history
from hcom.delivery import bell
from hcom.store import kept

REPEATS = 40
STARTS = 12  # each waits for the recorder before to end, some 2 s
TRANSCRIPT_BYTES = 200_000_000
MILLION = 1_000_000
ENDED, UNREAD = 4_000, 200_000
PASS = [*BARE, "pass"]
STORE = [*BARE, "import sqlite3, json"]
COMMAND = [*BARE, "import sqlite3, json, argparse"]
COMMANDS = {
    "send": ["send", "--from", "ci", "@nova the build is green"],
    "list": ["list"],
    "events": ["events", "--last", "20"],
}


def unused() -> list[Row]:
    """The installed hook where no agent is concerned, beside the shell that runs it anyway."""
    with Bus() as bus:
        found = medians(
            {
                "hook": partial(timed, ["sh", "-c", bus.hook()], bus.env),
                "base": partial(timed, ["sh", "-c", "true"], bus.env),
            },
            4 * REPEATS,
        )
    return [at_most("hook, hcom unused", found["hook"], "sh -c true", found["base"], 1.5)]


def nothing_waits() -> list[Row]:
    """A participant's tool hook without mail: until the shell returns, while a recorder listens
    and when it has to be started."""
    with Bus() as bus:
        hook = partial(timed, ["sh", "-c", bus.hook()], bus.agent_env, str(bus.root / "payload"))
        bare = partial(timed, PASS, bus.env)
        found = medians({"hook": hook, "base": bare}, REPEATS)

        def starts() -> float:
            bus.until_recorded()
            return hook()

        first = medians({"base": bare, "hook": starts}, STARTS)
        bus.until_recorded()
    return [
        at_most("hook, nothing waits", found["hook"], "python pass", found["base"], 1),
        at_most(
            "hook, nothing waits, starts the recorder",
            first["hook"],
            "python pass",
            first["base"],
            1,
        ),
    ]


def delivering(bus: Bus) -> Callable[[], float]:
    """One hook that delivers a message, timed."""
    command, output = ["sh", "-c", bus.hook()], bus.root / "output"

    def run() -> float:
        number = bus.queue("luna")
        took = timed(command, bus.agent_env, str(bus.root / "payload"), str(output))
        if f"#{number} from ci" not in output.read_text():
            raise RuntimeError(f"not delivered: {output.read_text()!r}")
        bus.see("luna")
        return took

    return run


def delivers() -> list[Row]:
    """A hook that hands its agent a message."""
    with Bus() as bus:
        found = medians({"hook": delivering(bus), "base": partial(timed, STORE, bus.env)}, REPEATS)
    return [
        at_most("hook that delivers", found["hook"], "python sqlite3, json", found["base"], 1.5)
    ]


def silent() -> list[Row]:
    """`send` and a hook that delivers, where the relay's server takes connections and says nothing,
    beside the same where there is no relay."""
    with Bus(200) as alone, Bus(200) as bus, socket.create_server(("127.0.0.1", 0)) as server:
        bus.hcom("config", "relay", f"http://127.0.0.1:{server.getsockname()[1]}")
        server.accept()  # by its worker, which waits for an answer from now on
        sends = {
            name: partial(timed, [*HCOM, *COMMANDS["send"]], one.env)
            for name, one in (("base", alone), ("send", bus))
        }
        sent = medians(sends, REPEATS)
        hooks = medians({"base": delivering(alone), "hook": delivering(bus)}, REPEATS)
        bus.hcom("config", "relay", "")
        while bell.RELAY in bell.heard(bus.home):
            time.sleep(0.1)
    return [
        at_most("hcom send, a silent relay", sent["send"], "no relay", sent["base"], 1.2),
        at_most(
            "hook that delivers, a silent relay", hooks["hook"], "no relay", hooks["base"], 1.2
        ),
    ]


def command(name: str) -> list[Row]:
    """One command of the package, run by its path, on a log of 200 events."""
    with Bus(200) as bus:
        found = medians(
            {
                "it": partial(timed, [*HCOM, *COMMANDS[name]], bus.env),
                "base": partial(timed, COMMAND, bus.env),
            },
            REPEATS,
        )
    return [
        at_most(
            "hcom " + " ".join(COMMANDS[name][: 3 if name == "events" else 1]),
            found["it"],
            "python sqlite3, json, argparse",
            found["base"],
            2,
        )
    ]


def transcript() -> list[Row]:
    """The newest exchanges of a long transcript: of one that has grown since it was looked at, and
    of one that nobody has looked at yet."""
    with Bus() as bus:
        path = bus.root / "transcript.jsonl"
        write_transcript(path, TRANSCRIPT_BYTES)
        kept.note(bus.home, SESSION, tool="claude", transcript=str(path))
        shown = partial(timed, [*HCOM, "transcript", "@luna"], bus.env)

        def first() -> float:
            history.forget(bus.home)
            return shown()

        base = partial(timed, COMMAND, bus.env)
        found = medians({"it": shown, "base": base}, REPEATS)
        cold = medians({"it": first, "base": base}, STARTS)
        megabytes = peak([*HCOM, "transcript", "@luna"], bus.env) / 1024
    name = "python sqlite3, json, argparse"
    return [
        at_most("hcom transcript, 200 MB", found["it"], name, found["base"], 3),
        Row("hcom transcript, 200 MB, the first time", cold["it"], name, cold["base"]),
        Row("its memory", f"{megabytes:.0f} MB", target="<= 40 MB", ok=megabytes <= 40),
    ]


def peak(argv: list[str], env: dict[str, str]) -> int:
    """How many kB a program had in memory at most."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    return os.wait4(os.posix_spawnp(argv[0], argv, env, file_actions=quiet), 0)[2].ru_maxrss


def write_transcript(path: Path, size: int) -> None:
    """A Claude Code session of that size: a prompt, six tools with 6 kB of result, an answer."""
    result = ("the quick brown fox jumps over the lazy dog\n" * 140)[:6000]
    number = 0

    def line(**facts) -> str:
        nonlocal number
        number += 1
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1_795_000_000 + number))
        known = {"parentUuid": f"{number - 1:08x}-b", "isSidechain": False, **facts}
        known |= {"uuid": f"{number:08x}-b", "timestamp": at}
        return json.dumps(known, separators=(",", ":")) + "\n"

    def user(content) -> str:
        return line(type="user", message={"role": "user", "content": content})

    def model(content) -> str:
        return line(type="assistant", message={"role": "assistant", "content": [content]})

    with path.open("w") as stream:
        while stream.tell() < size:
            stream.write(user(f"prompt at {number}"))
            for tool in range(6):
                key = f"toolu_{number}_{tool}"
                given = {
                    "type": "tool_use",
                    "id": key,
                    "name": "Bash",
                    "input": {"command": "make"},
                }
                got = {"tool_use_id": key, "type": "tool_result", "content": result}
                stream.write(model(given) + user([got]))
            stream.write(model({"type": "text", "text": result[:800]}))


def growth() -> list[Row]:
    """The same with 10 and with 1,000,000 events in the log."""
    with Bus(10) as small, Bus() as large:
        began = time.perf_counter()
        large.fill(MILLION)
        print(f"(1,000,000 events written in {time.perf_counter() - began:.0f} s)", flush=True)
        return compared("1,000,000 events", large, "10 events", small)


def ended() -> list[Row]:
    """The same with few sessions, and where 4,000 ended long ago with 200,000 messages unread."""
    with Bus(1000) as small, Bus(1000) as large:
        began = time.perf_counter()
        large.bury(ENDED, UNREAD)
        print(f"({ENDED:,} sessions ended in {time.perf_counter() - began:.0f} s)", flush=True)
        return compared(f"{ENDED:,} ended sessions", large, "none", small)


def compared(what: str, large: Bus, base: str, small: Bus) -> list[Row]:
    """A hook that delivers and each command, on the two in turns."""
    runs = {}
    for size, bus in (("small", small), ("large", large)):
        runs[f"hook that delivers {size}"] = delivering(bus)
        for name, words in COMMANDS.items():
            runs[f"{name} {size}"] = partial(timed, [*HCOM, *words], bus.env)
    found = medians(runs, REPEATS)
    return [
        at_most(f"{name}, {what}", found[f"{name} large"], base, found[f"{name} small"], 1.3)
        for name in ("hook that delivers", *COMMANDS)
    ]
