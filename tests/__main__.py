"""The whole suite: `python3 -m tests`. Nothing is skipped for want of a client or tmux.

A class of tests runs in a process of its own, and so does each single test that starts clients,
unless its class shares one. It prints its output whole when it ends. The last line is always
`N passed, N failed, N skipped`; a test with subtests is one test.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from tests.rig import clients
from tests.skips import summed_up

HERE = Path(__file__).resolve().parent
CORES = os.cpu_count() or 2
# Tests with clients mostly wait, so more of them run than there are cores: as many as leave some of
# the cores' time unused. Where a machine does not tell that, twice as many.
AT_ONCE = 4 * CORES if os.path.exists("/proc/stat") else 2 * CORES
SPARE = 0.2  # of all cores, over the last PACE_S: what lets another unit begin
PACE_S = 0.35  # who starts a client shows by then that it uses a core
# What takes much longer than `foreseen` says of its kind, in seconds: a long one that began last
# would be waited for alone.
SLOW = {
    "test_claude.Talk.test_an_idle_agent_costs_nothing": 26,
    "test_claude.Talk.test_parallel_tools_get_each_message_once": 20,
    "test_dashboard_cost.Counted": 90,
    "test_gemini_live.Launched.test_parallel_tools_get_each_message_once": 30,
    "test_help.Examples": 30,
    "test_inmate_live.Inmate": 40,
    "test_launch.Launch.test_random_kills_leave_nothing_behind": 40,
}
# What `python3 -m unittest` leaves out besides what starts clients: it takes more than 5 s
# of a core, or waits for long.
LONG = {
    "test_api.Guest",
    "test_architecture.Planted",
    "test_archive.Resets",
    "test_cli.Reading",
    "test_cli.Sending",
    "test_config.Values",
    "test_dashboard.OnATerminal",
    "test_dashboard_ways.Ways",
    "test_dashboard_cost.Counted",
    "test_dashboard_cost.Sane",
    "test_documented.Lines.test_each",
    "test_filters.Flags",
    "test_help.Examples",
    "test_opening.Replaced.test_waiters_end",
    "test_payloads.Payloads",
    "test_relay_machines.Two",
    "test_settings.RoundTrip",
    "test_transcript_command.Asking",
    "test_turned_off.Said",
    "test_walk.Walks",
    "test_workflows.Clone",
    "test_workflows.Confess",
    "test_workflows.Debate",
    "test_workflows.Ensemble",
    "test_wrong_uses.Wrong",
}
# The slowest takes a tenth of this on two cores; the whole suite must end within 90 min.
UNIT_S = 600
# A killed unit's worlds end by themselves once it is gone; Gemini needs 3 s of it.
WORLD_S = 10
LOOK_S = 0.02
PASSED, SKIPPED, FAILED = "passed", "skipped", "failed"
RANK = (PASSED, SKIPPED, FAILED)


class Tally(unittest.TextTestResult):
    """Counts tests: each once, by the worst that happened in it or in any of its subtests."""

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.counts = dict.fromkeys(RANK, 0)
        self.worst = ""  # of the test that runs now; "" between tests

    def note(self, outcome: str) -> None:
        if not self.worst:  # of a class or a module, which is no test of its own
            self.counts[outcome] += 1
        else:
            self.worst = max(self.worst, outcome, key=RANK.index)

    def startTest(self, test):
        self.worst = PASSED
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        if self.worst:  # Python 3.12.1 stops what it skipped without having started it
            self.counts[self.worst] += 1
        self.worst = ""

    def addError(self, test, err):
        self.note(FAILED)
        super().addError(test, err)

    def addFailure(self, test, err):
        self.note(FAILED)
        super().addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.note(FAILED)
        super().addSubTest(test, subtest, err)

    def addSkip(self, test, reason):
        self.note(SKIPPED)
        super().addSkip(test, reason)

    def addUnexpectedSuccess(self, test):
        self.note(FAILED)
        super().addUnexpectedSuccess(test)


class Unit(NamedTuple):
    """What runs in one process: a class, or one of its tests."""

    title: str
    tests: unittest.TestSuite
    clients: tuple[str, ...]  # that it starts


class Job(NamedTuple):
    """A unit, begun; `report` is written by it at its end, `output` all along."""

    unit: Unit
    pid: int
    began: float
    output: Path
    report: Path


class Found(NamedTuple):
    """What came of a unit."""

    counts: dict[str, int]
    skips: list[tuple[str, str]]  # test and reason
    failed: list[str]
    cpu_s: float = 0.0
    output: str = ""  # headed by the unit's title


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 -m tests",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help="modules, classes or tests (default: all)")
    parser.add_argument(
        "-k",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only tests whose name matches, as in unittest",
    )
    parser.add_argument(
        "-j",
        type=int,
        default=AT_ONCE,
        metavar="N",
        help=f"processes at once (default {AT_ONCE})",
    )
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="run everything N times")
    parser.add_argument(
        "-f", "--failfast", action="store_true", help="begin nothing more after a failure"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=UNIT_S,
        metavar="SECONDS",
        help=f"for each process (default {UNIT_S})",
    )
    parser.add_argument("--quick", action="store_true", help="skip what needs the clients")
    return parser.parse_args()


def main() -> int:
    """Run what was asked for; 0 when something ran and nothing failed."""
    asked = arguments()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # the units end too
    counts, skips, failed = dict.fromkeys(RANK, 0), [], []
    with tempfile.TemporaryDirectory(prefix="hcom-tests-") as place:
        counts[FAILED] += prepared(asked, Path(place))
        units = chosen(asked.names, asked.k) * asked.repeat
        for each, found in together(units, asked, Path(place)):
            print(found.output, end="", flush=True)
            for outcome in RANK:
                counts[outcome] += found.counts[outcome]
            skips += found.skips
            failed += [each.title] if found.counts[FAILED] else []
    print(*summed_up(skips), *(f"failed: {title}" for title in failed), sep="\n")
    if not sum(counts.values()):
        print("no test ran")
    print(", ".join(f"{counts[each]} {each}" for each in (PASSED, FAILED, SKIPPED)), flush=True)
    return 1 if counts[FAILED] or not counts[PASSED] + counts[SKIPPED] else 0


def prepared(asked: argparse.Namespace, place: Path) -> int:
    """The environment says which clients may be had; how much is missing that may not be."""
    os.environ["HCOM_TEST_FETCH"] = "0"
    if asked.quick:
        os.environ["HCOM_TEST_CLIENTS"] = str(place / "none")
        return 0
    missing = 0
    if not shutil.which("tmux"):
        print("FAILED: tmux is not installed", flush=True)
        missing += 1
    if not asked.names:
        missing += clients.fetch_all()
    # with one missing, its tests are skipped, for it counts as failed already
    os.environ["HCOM_TEST_FETCH"] = "0" if missing else "1"
    return missing


def chosen(names: list[str], patterns: list[str]) -> list[Unit]:
    """The units of these tests, the longest first as far as can be foreseen."""
    loader = unittest.TestLoader()
    loader.testNamePatterns = [k if "*" in k else f"*{k}*" for k in patterns] or None
    found = [full(name) for name in names] or [f"tests.{p.stem}" for p in HERE.glob("test_*.py")]
    classes: dict[type, list[unittest.TestCase]] = {}
    for test in flat(loader.loadTestsFromNames(found)):
        classes.setdefault(type(test), []).append(test)
    units = [unit for kind, tests in classes.items() for unit in parted(kind, tests)]
    return sorted(units, key=lambda unit: (-foreseen(unit), unit.title))


def full(name: str) -> str:
    name = name.removesuffix(".py").replace("/", ".")
    return name if name.startswith("tests.") else f"tests.{name}"


def flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from flat(each)
        else:
            yield each


def parted(kind: type, tests: list[unittest.TestCase]) -> list[Unit]:
    """The class whole, or each test alone where it starts clients of its own."""
    needed = getattr(kind, "clients_needed", ())
    alone = [test for test in tests if needed and not shares_room(test)]
    rest = [test for test in tests if test not in alone]
    return [unit([test], needed) for test in alone] + ([unit(rest, needed)] if rest else [])


def shares_room(test: unittest.TestCase) -> bool:
    """Whether it uses a room with clients that its class keeps (tests.rig.room.shares)."""
    return hasattr(getattr(test, test._testMethodName, None), "shares_room")


def unit(tests: list[unittest.TestCase], needed: tuple[str, ...]) -> Unit:
    name = tests[0].id()
    if tests[1:]:
        name = name.rpartition(".")[0]
    return Unit(name.removeprefix("tests."), unittest.TestSuite(tests), needed)


def foreseen(unit: Unit) -> float:
    """About how many seconds it takes on a quiet machine."""
    each = 4 + 3 * len(unit.clients) if unit.clients else 2
    return SLOW.get(unit.title, each * unit.tests.countTestCases())


def together(
    units: list[Unit], asked, place: Path, begin_s: float = float("inf")
) -> Iterator[tuple[Unit, Found]]:
    """The units with what came of each, as it ends; none begins later than that."""
    todo, running, cores = list(enumerate(units)), [], Cores()
    late = time.monotonic() + begin_s
    try:
        while todo or running:
            if time.monotonic() > late:
                todo.clear()
            while todo and is_room(running, asked.j, cores):
                running.append(begun(*todo.pop(0), place))
            ended = [job for job in running if over(job, asked.timeout)]
            for job in ended:
                running.remove(job)
                found = told(job)
                if found.counts[FAILED] and asked.failfast:
                    todo.clear()
                yield job.unit, found
            if not ended:
                time.sleep(LOOK_S)
    finally:
        end(running)


class Cores:
    """The use of the machine's cores, looked at again and again."""

    def __init__(self) -> None:
        self.looked, self.before = time.monotonic(), self.ticks()

    def ticks(self) -> list[int]:
        """What all cores have done since the machine began, by kind; [] where that is not told."""
        try:
            return [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        except OSError:
            return []

    def spare(self) -> bool:
        """Whether a part of them was unused since the last look; said once in PACE_S."""
        if time.monotonic() < self.looked + PACE_S:
            return False
        before, self.before, self.looked = self.before, self.ticks(), time.monotonic()
        return unused(before, self.before) >= SPARE


def unused(before: list[int], now: list[int]) -> float:
    """The share of the time in between in which the cores had nothing to do that cannot wait: they
    ran what is nice, or waited for a disk; 1 where nothing is known."""
    spent = [new - old for old, new in zip(before, now, strict=True)]
    return (spent[1] + sum(spent[3:5])) / sum(spent) if any(spent) else 1.0


def is_room(running: list[Job], most: int, cores: Cores) -> bool:
    """Whether another unit may begin now."""
    if len(running) >= max(most, 1):
        return False
    return len(running) < CORES or cores.spare()


def begun(number: int, unit: Unit, place: Path) -> Job:
    output, report = place / f"{number}.out", place / f"{number}.json"
    sys.stdout.flush()
    began = time.monotonic()
    # A fork, for the tests are loaded once, and 200 times cost more than the shortest of them.
    pid = os.fork()
    if not pid:
        alone(unit.tests, output, report)
    return Job(unit, pid, began, output, report)


def alone(tests: unittest.TestSuite, output: Path, report: Path) -> NoReturn:
    """Run the tests in this process, write what came of them to the report, and end."""
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(written, 1)
        os.dup2(written, 2)
        sys.stdout.reconfigure(line_buffering=True)  # in order with what goes to stderr
        result = unittest.TextTestRunner(resultclass=Tally).run(tests)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu_s = sum(one.ru_utime + one.ru_stime for one in used)
        skips = [(test.id(), reason) for test, reason in result.skipped]
        bad = [getattr(t, "test_case", t).id() for t, _ in result.failures + result.errors]
        bad += [test.id() for test in result.unexpectedSuccesses]
        found = Found(result.counts, skips, bad, cpu_s)
        report.write_text(json.dumps(found), encoding="utf-8")
    except BaseException:  # boundary: the parent's frames are below, and are not to go on here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def over(job: Job, timeout: float) -> bool:
    """Whether the unit has ended; past its time it is ended."""
    if os.waitpid(job.pid, os.WNOHANG)[0]:
        return True
    if time.monotonic() - job.began < timeout:
        return False
    end([job])
    with open(job.output, "a", encoding="utf-8") as stream:
        stream.write(f"\nFAILED: still running after {timeout:.0f} s, ended\n")
    return True


def end(jobs: list[Job]) -> None:
    """The units' processes are gone, then whatever is left of their groups."""
    for job in jobs:
        os.kill(job.pid, signal.SIGKILL)
    time.sleep(WORLD_S if jobs else 0)
    for job in jobs:
        # not waited for so far, so its number is no one else's
        os.killpg(job.pid, signal.SIGKILL)
        os.waitpid(job.pid, 0)


def told(job: Job) -> Found:
    """What the unit reported; one failure where it reports nothing."""
    output = job.output.read_text(encoding="utf-8", errors="backslashreplace")
    took = time.monotonic() - job.began
    try:
        found = Found(*json.loads(job.report.read_text(encoding="utf-8")))
    except FileNotFoundError:
        found = Found({PASSED: 0, SKIPPED: 0, FAILED: 1}, [], [])
        output += f"FAILED: {job.unit.title} ended without a result\n"
    head = f"=== {job.unit.title} ({took:.0f} s, {found.cpu_s:.1f} s of CPU)\n"
    return found._replace(output=head + output)


if __name__ == "__main__":
    sys.exit(main())
