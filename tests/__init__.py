"""The tests. What a runner ignores, its children would: the programs under test hear of Ctrl-C.

`python3 -m unittest` runs what needs no client, and says at its end what it skipped and why.
"""

import atexit
import os
import signal
import sys
import unittest

from tests.skips import summed_up

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Everything(unittest.TestSuite):
    """All tests; what was skipped is told when the program ends, after its last line."""

    def run(self, result, debug=False):
        """See unittest."""
        atexit.register(tell, result)
        return super().run(result, debug)


def load_tests(loader, _standard, pattern):
    """What unittest finds in this package (its protocol)."""
    here = os.path.dirname(os.path.abspath(__file__))
    return Everything([loader.discover(here, pattern)])


def tell(result) -> None:
    for line in summed_up([(test.id(), reason) for test, reason in result.skipped]):
        print(line, file=sys.stderr)
