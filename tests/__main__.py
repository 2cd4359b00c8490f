"""The whole suite: `python3 -m tests`. Nothing is skipped for want of a client or tmux.

Each test module runs in a process of its own, two at a time, and prints its output whole when it
ends. The last line is always `N passed, N failed, N skipped`; a test with subtests is one test.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import NamedTuple

from tests.rig import clients

HERE = Path(__file__).resolve().parent
# The slowest module takes a quarter of this on two cores; the whole suite must end within 90 min.
MODULE_S = 1200
# A killed module's worlds end by themselves once it is gone; Gemini needs 3 s of it.
WORLD_S = 10
LOOK_S = 0.1
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


class Job(NamedTuple):
    """One module, begun; `report` is written by it at its end, `output` all along."""

    title: str
    process: subprocess.Popen
    began: float
    output: Path
    report: Path


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
    parser.add_argument("-j", type=int, default=2, metavar="N", help="modules at once (default 2)")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="run everything N times")
    parser.add_argument(
        "--timeout",
        type=float,
        default=MODULE_S,
        metavar="SECONDS",
        help=f"for each module (default {MODULE_S})",
    )
    parser.add_argument("--quick", action="store_true", help="skip what needs the clients")
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)  # a module's own process
    return parser.parse_args()


def main() -> int:
    """Run what was asked for; 0 when something ran and nothing failed."""
    asked = arguments()
    if asked.report:
        return alone(asked)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # the modules end too
    with tempfile.TemporaryDirectory(prefix="hcom-tests-") as place:
        env, missing = surroundings(asked, Path(place))
        groups = chosen(asked.names) * asked.repeat
        counts = dict.fromkeys(RANK, 0)
        counts[FAILED] += missing
        for found in together(groups, asked, env, Path(place)):
            for outcome in RANK:
                counts[outcome] += found[outcome]
    if not sum(counts.values()):
        print("no test ran")
    print(", ".join(f"{counts[each]} {each}" for each in (PASSED, FAILED, SKIPPED)), flush=True)
    return 1 if counts[FAILED] or not counts[PASSED] + counts[SKIPPED] else 0


def surroundings(asked: argparse.Namespace, place: Path) -> tuple[dict[str, str], int]:
    """The environment of the modules' processes, and how much is missing that may not be."""
    env = {**os.environ, "HCOM_TEST_FETCH": "0"}
    if asked.quick:
        return {**env, "HCOM_TEST_CLIENTS": str(place / "none")}, 0
    missing = 0
    if not shutil.which("tmux"):
        print("FAILED: tmux is not installed", flush=True)
        missing += 1
    if not asked.names:
        missing += sum(not fetched(name) for name in clients.CLIENTS)
    # with one missing, its tests are skipped, for it counts as failed already
    return {**env, "HCOM_TEST_FETCH": "0" if missing else "1"}, missing


def fetched(name: str) -> bool:
    """Whether the client is there, installed now if it was not; says why when it is not."""
    try:
        clients.fetch(name)
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        print(f"FAILED: the client {name} cannot be installed: {error}", flush=True)
        return False
    return True


def chosen(names: list[str]) -> list[list[str]]:
    """The tests to run, in groups of one module each; first those with clients, the long ones."""
    if not names:
        files = sorted(HERE.glob("test_*.py"), key=lambda path: (not needs_clients(path), path))
        return [[f"tests.{path.stem}"] for path in files]
    groups: dict[str, list[str]] = {}
    for name in names:
        name = name.removesuffix(".py").replace("/", ".")
        name = name if name.startswith("tests.") else f"tests.{name}"
        groups.setdefault(name.split(".")[1], []).append(name)
    return list(groups.values())


def needs_clients(path: Path) -> bool:
    return "requires(" in path.read_text(encoding="utf-8")


def together(groups, asked, env, place: Path):
    """The counts of each group, as it ends; at most `asked.j` run at once."""
    todo, running = list(enumerate(groups)), []
    try:
        while todo or running:
            while todo and len(running) < max(asked.j, 1):
                running.append(begun(*todo.pop(0), asked, env, place))
            ended = [job for job in running if over(job, asked.timeout)]
            for job in ended:
                running.remove(job)
                yield counted(job)
            if not ended:
                time.sleep(LOOK_S)
    finally:
        for job in running:
            end(job)


def begun(number: int, names: list[str], asked, env, place: Path) -> Job:
    output, report = place / f"{number}.out", place / f"{number}.json"
    argv = [sys.executable, "-m", "tests", "--report", str(report), *names]
    for pattern in asked.k:
        argv += ["-k", pattern]
    with open(output, "wb") as stream:
        process = subprocess.Popen(
            argv,
            env=env,
            cwd=HERE.parent,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    return Job(" ".join(names), process, time.monotonic(), output, report)


def over(job: Job, timeout: float) -> bool:
    """Whether the module has ended; past its time it is ended."""
    if job.process.poll() is not None:
        return True
    if time.monotonic() - job.began < timeout:
        return False
    end(job)
    with open(job.output, "a", encoding="utf-8") as stream:
        stream.write(f"\nFAILED: still running after {timeout:.0f} s, ended\n")
    return True


def end(job: Job) -> None:
    """The module's process is gone, then whatever is left of its group."""
    os.kill(job.process.pid, signal.SIGKILL)
    time.sleep(WORLD_S)
    # not waited for so far, so its number is no one else's
    os.killpg(job.process.pid, signal.SIGKILL)
    job.process.wait()


def counted(job: Job) -> dict[str, int]:
    """What the module reported, its output printed; one failure where it reports none."""
    print(f"=== {job.title} ({time.monotonic() - job.began:.0f} s)")
    print(job.output.read_text(encoding="utf-8", errors="backslashreplace"), end="", flush=True)
    try:
        return json.loads(job.report.read_text(encoding="utf-8"))
    except FileNotFoundError:
        print(f"FAILED: {job.title} ended with {job.process.returncode} and no result", flush=True)
        return {PASSED: 0, SKIPPED: 0, FAILED: 1}


def alone(asked: argparse.Namespace) -> int:
    """Run one group of tests in this process, and write what came of it to the report."""
    loader = unittest.TestLoader()
    loader.testNamePatterns = [k if "*" in k else f"*{k}*" for k in asked.k] or None
    tests = loader.loadTestsFromNames(asked.names)
    result = unittest.TextTestRunner(resultclass=Tally).run(tests)
    for test, reason in sorted(result.skipped, key=lambda one: one[1]):
        print(f"skipped {test.id()}: {reason}", file=sys.stderr)
    asked.report.write_text(json.dumps(result.counts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
