"""The real clients, each in a sealed world with a model server on loopback (tests/rig)."""

import json
import statistics
import time

from bench.measure import Row
from hcom.process import alive
from tests.rig import clients
from tests.rig.pane import IN_TMUX, Pane
from tests.rig.world import READY, START_S, World

CLIENTS = {"claude": 200, "claude-old": 500, "gemini": 400, "codex": 400}  # wake's target, in ms
WAKES = 20
STARTS = 5
CALLS, ROUNDS = 20, 3
BARE = {"claude": ["claude"], "gemini": ["gemini"], "codex": ["codex", "--no-daemon"]}
IDLE_S = 60


def title(client: str) -> str:
    return f"{clients.CLIENTS[client].tool} {clients.CLIENTS[client].version}"


def world_of(client: str) -> World:
    """A world with that client alone. RuntimeError where it is not installed."""
    return World({clients.CLIENTS[client].tool: client})


def begun(world: World, tool: str, name: str, argv: list[str]) -> Pane:
    """The client at its empty prompt, in a folder of its own."""
    return getattr(world, tool)(name, argv, cwd=world.project(f"p-{name}"))


def listed(world: World) -> dict:
    """What hcom says of the one agent there is."""
    lines = world.run(["hcom", "list", "--json"]).stdout.splitlines()
    return json.loads(lines[0]) if lines else {}


def until_idle(world: World) -> dict:
    """The agent, once it waits for work."""
    end = time.monotonic() + IDLE_S
    while (agent := listed(world)).get("status") != "listening":
        if time.monotonic() > end:
            raise RuntimeError(f"the agent does not become idle: {agent}")
        time.sleep(0.1)
    return agent


def wake(client: str) -> list[Row]:
    """From the end of `hcom send` to the request of an idle client's model, 20 times."""
    tool, taken = clients.CLIENTS[client].tool, []
    with world_of(client) as world:
        pane = begun(world, tool, "luna", ["hcom", tool])
        pane.ask("SAY: hello")
        for number in range(WAKES):
            name = until_idle(world)["base_name"]
            time.sleep(1.5)  # its screen has settled, as with any agent that has been idle a while
            # date's own start is some 2 ms of what is measured, to hcom's advantage
            sent = world.run(
                ["sh", "-c", f"hcom send --from ci '@{name} wake-{number}.' >&2 && date +%s.%N"]
            )
            ended = float(sent.stdout)
            request = world.model.until(f"wake-{number}.", 30, since=ended - 10)
            taken.append((request.t - ended) * 1000)
    limit = CLIENTS[client]
    median = statistics.median(taken)
    return [
        Row(
            f"{title(client)} idle, send's end to its model",
            median,
            "",
            "",
            f"<= {limit} ms",
            median <= limit,
        ),
        Row(f"the same, worst of {WAKES}", max(taken), "", "", "<= 1000 ms", max(taken) <= 1000),
    ]


def started(world: World, tool: str, name: str, argv: list[str]) -> float:
    """How long the client took to its prompt, in ms; it has ended afterwards."""
    cwd = world.project("p-start")
    began = time.perf_counter()
    pane = world.pane(name, argv, cwd)
    pane.until(READY[tool], START_S)
    took = (time.perf_counter() - began) * 1000
    pid = pane.pid
    world.tmux("kill-session", "-t", f"={name}")  # not a signal, which Gemini's outer one ignores
    while alive(pid, ""):
        time.sleep(0.1)
    return took


def ready(client: str) -> list[Row]:
    """To the prompt in this terminal, with and without hcom; and `hcom 1` to reported ready."""
    tool, taken, launched = clients.CLIENTS[client].tool, [], []
    with world_of(client) as world:
        for number in range(STARTS):
            taken.append(
                (
                    started(world, tool, f"with-{number}", ["hcom", tool]),
                    started(world, tool, f"bare-{number}", BARE[tool]),
                )
            )
        for number in range(STARTS):
            launched.append(windowed(world, tool, number))
    with_it, without = (statistics.median(times) for times in zip(*taken))
    return [
        Row(f"hcom {tool} to its prompt", with_it, tool, without),
        Row(f"hcom 1 {tool}, events launch says ready", statistics.median(launched), tool, without),
    ]


def windowed(world: World, tool: str, number: int) -> float:
    """How long `hcom 1 TOOL` in tmux took until its launch was reported as ready, in ms."""
    begin = time.perf_counter()
    pane = world.pane(
        f"launch-{number}",
        [
            "sh",
            "-c",
            f"HCOM_TERMINAL=tmux-window hcom 1 {tool} && hcom events launch; "
            "echo ended-$?; exec sleep 600",
        ],
        world.project("p-start"),
        env=IN_TMUX,
    )
    screen = pane.until(r"^ended-\d+", START_S)
    took = (time.perf_counter() - begin) * 1000
    if "ended-0" not in screen:
        raise RuntimeError(f"not launched: {screen.strip()}")
    world.run(["hcom", "kill", "all"])
    world.tmux("kill-session", "-t", f"=launch-{number}")
    return took


def tool(client: str) -> list[Row]:
    """What one tool call takes, from its request to the next, with and without hcom."""
    name = clients.CLIENTS[client].tool
    gaps: dict[str, list[float]] = {"with": [], "bare": []}
    with world_of(client) as one, world_of(client) as other:
        panes = {
            "with": (one, begun(one, name, "luna", ["hcom", name])),
            "bare": (other, begun(other, name, "luna", BARE[name])),
        }
        for number in range(ROUNDS):
            for which, (world, pane) in panes.items():
                gaps[which] += calls(world, pane, f"over-{number}")
    found = {which: statistics.median(taken) for which, taken in gaps.items()}
    return [
        Row(f"{title(client)}, a tool call in hcom", found["with"], "without", found["bare"]),
        Row("the same, added", found["with"] - found["bare"]),
    ]


def calls(world: World, pane: Pane, last: str) -> list[float]:
    """The times between the requests of one turn with many tool calls, in ms."""
    first = pane.ask("RUN: true\n" * CALLS + f"SAY: {last}")
    end = time.monotonic() + IDLE_S
    while True:
        found = [r.t for r in world.model.requests(session=first.session) if r.t >= first.t]
        if len(found) > CALLS:
            break
        if time.monotonic() > end:
            raise RuntimeError(f"{len(found)} requests of {CALLS + 1}: {pane.portrait()}")
        time.sleep(0.2)
    pane.settle()
    return [(b - a) * 1000 for a, b in zip(found, found[1 : CALLS + 1])]
