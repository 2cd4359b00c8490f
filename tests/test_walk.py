"""A bounded part of the random walk (tests/walk.py), from fixed seeds."""

import os
import unittest

from tests.walk import shortest, walk_of, walked

STEPS = 90


@unittest.skipUnless(hasattr(os, "memfd_create") and hasattr(os, "pidfd_open"), "Linux only")
class Walks(unittest.TestCase):
    def test_the_bus_is_as_the_model_says(self):
        for seed in (1, 2, 3):
            with self.subTest(seed=seed):
                steps = walk_of(seed, STEPS)
                ended = walked(seed, steps)
                if ended.broken:
                    short = shortest(seed, steps[: ended.at + 1], ended.broken.kind, 60.0)
                    self.fail("\n".join([str(ended.broken), *map(str, short)]))
                self.assertGreater(ended.counts["given"], 10)
                self.assertGreater(ended.counts["kills"], 3)


if __name__ == "__main__":
    unittest.main()
