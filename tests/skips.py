"""What was skipped and why, in a few lines."""


def summed_up(skips: list[tuple[str, str]]) -> list[str]:
    """A line for each reason of (test, reason) pairs: how many tests, and where they stand."""
    reasons: dict[str, dict[str, int]] = {}
    for test, reason in skips:
        where = ".".join(test.removeprefix("tests.").split(".")[:-1])
        found = reasons.setdefault(reason, {})
        found[where] = found.get(where, 0) + 1
    return [
        f"skipped {sum(found.values())}: {reason}: "
        + ", ".join(f"{where} ({count})" for where, count in sorted(found.items()))
        for reason, found in sorted(reasons.items())
    ]
