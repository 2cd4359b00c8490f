"""A transcript as exchanges: where each begins, and what is in it. No hook loads this.

Files only grow, and hold hundreds of megabytes: what begins where is found in one pass over the
bytes, by the signs that the adapter names, and only the lines with one are looked into; what is
known of a file is kept, and the next pass begins where that ends.
"""

from typing import Any


class Index:
    """Where the exchanges of a file begin (`places`), and when (`times`, in seconds): a number is
    a place in these. Those in `gone` were taken back: they keep their numbers, and are not shown.
    `facts` is JSON that only the adapter reads."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.times: list[float] = []
        self.gone: set[int] = set()
        self.facts: dict[str, Any] = {}

    def begin(self, place: int, at: float) -> None:
        """An exchange begins there; times never go back."""
        self.places.append(place)
        self.times.append(max(at, self.times[-1] if self.times else 0.0))

    def take_back(self, first: int, upto: "int | None" = None) -> None:
        """Those from `first` on (before `upto`) are not in the conversation any more."""
        self.gone.update(range(first, len(self.places) if upto is None else upto))
