"""The tests. What a runner ignores, its children would: the programs under test hear of Ctrl-C.

`python3 -m unittest` runs what needs no client and not long, several at once, and says at its end
what it skipped or left out; of names and with -k it runs what is asked for, one after the other.
"""

import atexit
import os
import signal
import sys
import tempfile
import unittest
from argparse import Namespace
from pathlib import Path

from tests.skips import summed_up

BEGIN_S = 75.0  # nothing more begins after it: a slow machine is to be done in two minutes, too

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Everything(unittest.TestSuite):
    """All tests; what was skipped is told when the program ends, after its last line."""

    def run(self, result, debug=False):
        """See unittest."""
        atexit.register(tell, result)
        return super().run(result, debug)


class Quick(unittest.TestSuite):
    """Those that take a newcomer no more than two minutes; what was left out is told besides."""

    def run(self, result, debug=False):
        """See unittest."""
        from tests import __main__ as suite  # which is of this package itself

        units = suite.chosen([], [])
        short = [unit for unit in units if not unit.clients and unit.title not in suite.LONG]
        left = {unit.title: unit.tests.countTestCases() for unit in units}
        atexit.register(tell, result, left)
        asked = Namespace(j=suite.AT_ONCE, timeout=suite.UNIT_S, failfast=result.failfast)
        with tempfile.TemporaryDirectory(prefix="hcom-tests-") as place:
            suite.prepared(Namespace(quick=True), Path(place))
            for unit, found in suite.together(short, asked, Path(place), BEGIN_S):
                del left[unit.title]
                replay(list(suite.flat(unit.tests)), found, result)
        return result


def replay(tests, found, result) -> None:
    """The result has the tests of a unit as if they had run here."""
    skips, told = dict(found.skips), False
    for test in tests:
        result.startTest(test)
        if test.id() in skips:
            result.addSkip(test, skips[test.id()])
        elif found.counts["failed"] and test.id() in (found.failed or [test.id()]):
            why = AssertionError("as the one above" if told else f"\n{found.output}")
            result.addFailure(test, (AssertionError, why, None))
            told = True
        else:
            result.addSuccess(test)
        result.stopTest(test)
    if found.counts["failed"] and not told:  # of a class or a module
        result.addFailure(tests[0], (AssertionError, AssertionError(found.output), None))


def load_tests(loader, _standard, pattern):
    """What unittest finds in this package (its protocol)."""
    if not loader.testNamePatterns:
        return Quick()
    here = os.path.dirname(os.path.abspath(__file__))
    return Everything([loader.discover(here, pattern)])


def tell(result, left=()) -> None:
    for line in summed_up([(test.id(), reason) for test, reason in result.skipped]):
        print(line, file=sys.stderr)
    if left:
        print(f"left to `python3 -m tests`: {sum(left.values())} more tests", file=sys.stderr)
