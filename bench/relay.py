"""What a relay server costs: pushes that reach hundreds of held polls, slow clients, idle devices.

The devices are sockets of this process, whose own work is in the times as well.
"""

import os
import socket
import statistics
import time

from bench.measure import Row, below
from tests.relay import TOKEN, Relay

DEVICES, SLOW = 300, 80
PUSHES = 20
IDLE_S = 20
REACH_MS = 2000  # a push has reached all by then
HEAD = f"Authorization: Bearer {TOKEN}\r\n"


def _cpu_s(pid: int) -> float:
    """The processor time that it has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
        fields = stream.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_kb(pid: int) -> int:
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("Pss:"))


class Devices:
    """Connections that each hold a poll."""

    def __init__(self, relay: Relay, count: int):
        self.links = [socket.create_connection(("127.0.0.1", relay.port)) for _ in range(count)]
        self.cursor = relay.poll()["cursor"]

    def hold(self) -> None:
        """Each has asked."""
        for number, link in enumerate(self.links):
            what = f"/poll?cursor={self.cursor}&device=d{number}&timeout=25"
            link.sendall(f"GET {what} HTTP/1.1\r\n{HEAD}\r\n".encode())

    def answered(self) -> None:
        """Each has its answer, which is small enough to come at once."""
        for link in self.links:
            said = link.recv(65536)
            if b'"events":[{' not in said:
                raise RuntimeError(f"no news: {said[:200]!r}")
        self.cursor = said.partition(b'"cursor":"')[2].partition(b'"')[0].decode()

    def close(self) -> None:
        for link in self.links:
            link.close()


def _settled(relay: Relay) -> None:
    """The server has read what was sent before."""
    relay.ask("GET", "/version")


def _reach(relay: Relay, devices: Devices, first: int) -> list[float]:
    """How many ms each of some pushes took to reach all."""
    took = []
    for number in range(first, first + PUSHES):
        devices.hold()
        _settled(relay)
        began = time.perf_counter()
        relay.push("pusher", [(number, {"text": "x" * 200})])
        devices.answered()
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.15)  # below what a device may ask
    return took


def held() -> list[Row]:
    """300 held polls: until a push has reached all, with and without slow clients; memory, CPU."""
    relay = Relay("--quiet")
    pid = relay.process.pid
    try:
        _settled(relay)
        bare = _memory_kb(pid)
        devices = Devices(relay, DEVICES)
        before = _cpu_s(pid)
        took = _reach(relay, devices, 1)
        cpu = (_cpu_s(pid) - before) * 1000 / PUSHES
        devices.hold()
        _settled(relay)
        memory, before = _memory_kb(pid), _cpu_s(pid)
        time.sleep(IDLE_S)
        idle = _cpu_s(pid) - before
        slow = []
        for number in range(SLOW):
            link = socket.create_connection(("127.0.0.1", relay.port))
            link.sendall(
                (
                    b"GET /po",
                    f"POST /push/s HTTP/1.1\r\n{HEAD}Content-Length: 999999\r\n\r\n{{".encode(),
                )[number % 2]
            )
            slow.append(link)
        relay.push("pusher", [(PUSHES + 1, {"text": "x"})])
        devices.answered()
        beside = _reach(relay, devices, PUSHES + 2)
        for link in slow:
            link.close()
        devices.close()
    finally:
        relay.stop()
    return [
        below(f"relay, push to {DEVICES} held polls", statistics.median(took), REACH_MS),
        below("  worst", max(took), REACH_MS),
        below(f"  beside {SLOW} slow clients", statistics.median(beside), REACH_MS),
        below("  worst", max(beside), REACH_MS),
        Row("  server's CPU for such a push", cpu),
        Row(f"  server's CPU, idle {IDLE_S} s", f"{idle * 1000:.0f} ms"),
        Row("  server's memory, bare", f"{bare / 1024:.1f} MB"),
        Row(f"  with {DEVICES} held", f"{memory / 1024:.1f} MB"),
        Row("  of a device", f"{(memory - bare) / DEVICES:.1f} kB"),
    ]
