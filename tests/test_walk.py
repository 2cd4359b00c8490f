"""A bounded part of the random walk (tests/walk.py), from fixed seeds."""

import os
import unittest
from collections import Counter

from tests.acts import Forks
from tests.real import Real
from tests.walk import told, walk_of, walked

STEPS, REAL_STEPS = 90, 39  # one quiet time at the end of the latter


@unittest.skipUnless(hasattr(os, "memfd_create") and hasattr(os, "pidfd_open"), "Linux only")
class Walks(unittest.TestCase):
    def walk(self, seed: int, count: int, runner) -> Counter:
        """What was done in the walk, in which nothing broke."""
        steps = walk_of(seed, count)
        ended = walked(seed, steps, runner)
        if ended.broken:
            short = told(seed, steps[: ended.at + 1], ended.broken.kind, 60.0, runner)
            self.fail("\n".join([str(ended.broken), *short]))
        return ended.counts

    def test_the_bus_is_as_the_model_says(self):
        for seed in (1, 2, 3):
            with self.subTest(seed=seed):
                counts = self.walk(seed, STEPS, Forks)
                self.assertGreater(counts["given"], 10)
                self.assertGreater(counts["kills"], 3)

    def test_it_is_where_hooks_and_commands_run_as_in_clients(self):
        self.assertGreater(self.walk(5, REAL_STEPS, Real)["given"], 10)


if __name__ == "__main__":
    unittest.main()
