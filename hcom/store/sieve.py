"""SQL or a pattern that a user wrote, run in a process of its own.

One step of sqlite, such as instr on long strings, can take minutes, in which no progress handler
and no Ctrl-C is heard. So the process has an alarm that ends it: a filter can take its own time,
and nobody else's.
"""

import json
import os
import re
import signal
import sqlite3
import sys
from contextlib import suppress

from ..errors import StoreError
from ..home import locate
from ..process import itself
from . import archive
from .restricted import SQL_S, open_sandboxed

GRACE_S = 0.2  # past the budget, for what can still be interrupted in order
TOO_LONG = "interrupted"  # as sqlite calls it


class Sieve:
    """Users' SQL on the database of `home`, or on the archived one at `path`: read-only, and each
    statement within `budget_s`. A context manager; once a statement had to be killed, all fail."""

    def __init__(self, home, budget_s: float = SQL_S, path: str = ""):
        import subprocess  # hooks load this file, and start no such process

        self._process = subprocess.Popen(
            [*itself(), "sift", str(budget_s), path],
            env={**os.environ, "HCOM_DIR": home.root},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin and self._process.stdout
        self._to, self._from = self._process.stdin, self._process.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._process.kill()
        self._process.communicate()

    def execute(self, sql: str, params=()) -> list[dict]:
        """The rows that a SELECT finds. sqlite3.OperationalError, as sqlite itself says it;
        StoreError where there is no reading of the database."""
        with suppress(BrokenPipeError):
            self._to.write(json.dumps([sql, list(params)]).encode() + b"\n")
            self._to.flush()
        answer = self._from.readline()
        if not answer.endswith(b"\n"):
            if self._process.wait() < 0:  # by its alarm, or by what the statement did to it
                raise sqlite3.OperationalError(TOO_LONG)
            raise StoreError("the database cannot be read by a filter", "hcom status")
        rows, problem = json.loads(answer)
        if problem:
            raise sqlite3.OperationalError(problem)
        return rows

    def find(self, pattern: str, text: str) -> int:
        """Where in `text` a regular expression is found; -1 for nowhere. Errors as above."""
        return self.execute("SELECT found(?, ?) AS place", (pattern, text))[0]["place"]


def main(argv: list[str]) -> int:
    """`sift BUDGET PATH`: the process itself. Each line it reads is a statement with its
    parameters, each it writes the rows and what is wrong; 0 when there are no more."""
    budget_s, path = float(argv[1]), argv[2]
    for number in (signal.SIGALRM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # no Python in between, which would have to wait
    home = locate(os.environ)
    opened = archive.open_archive(home, path, budget_s) if path else open_sandboxed(home, budget_s)
    with opened as db:
        db.connection.create_function("found", 2, _found)
        for line in sys.stdin.buffer:
            sql, params = json.loads(line)
            signal.setitimer(signal.ITIMER_REAL, budget_s + GRACE_S)
            answer = _answer(db, sql, params)
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.stdout.buffer.write(json.dumps(answer, default=repr).encode() + b"\n")
            sys.stdout.buffer.flush()
    return 0


def _found(pattern: str, text: str) -> int:
    found = re.search(pattern, text, re.MULTILINE)
    return found.start() if found else -1


def _answer(db, sql: str, params: list) -> tuple[list[dict], str]:
    try:
        return [dict(row) for row in db.execute(sql, params)], ""
    except Exception as error:  # boundary
        return [], str(error) or "too big"  # a MemoryError says nothing
