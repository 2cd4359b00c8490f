"""Prints what hcom costs on this machine, each row beside a baseline of the same run.

python3 bench/run.py                  all rows that need no clients
python3 bench/run.py send listen      these rows
python3 bench/run.py --clients        the rows with the real clients as well (minutes)
"""

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from bench import dashboard, local, messages, real, relay, wrapper  # noqa: E402 - by the line above
from bench.measure import Row, header, table  # noqa: E402

# Ratios count: absolute times drift with the machine.
ROWS = {
    "unused": local.unused,
    "nothing-waits": local.nothing_waits,
    "delivers": local.delivers,
    "send": partial(local.command, "send"),
    "list": partial(local.command, "list"),
    "events": partial(local.command, "events"),
    "transcript": local.transcript,
    "listen": messages.listen,
    "growth": local.growth,
    "ended": local.ended,
    "crowd": messages.crowd,
    "relay": relay.held,
    "paint": dashboard.paint,
    "shows": dashboard.shows,
    "relay-silent": local.silent,
    "wrapper-idle": wrapper.idle,
    "wrapper-bytes": wrapper.throughput,
    "wrapper-echo": wrapper.echo,
}
CLIENTS = {
    f"{what}-{client}": partial(measure, client)
    for what, measure in (("wake", real.wake), ("ready", real.ready), ("tool", real.tool))
    for client in real.CLIENTS
}


def main() -> int:
    """Measure and print; 1 when a row is over its target or could not be measured."""
    parser = argparse.ArgumentParser(
        prog="bench/run.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join([*ROWS, *CLIENTS]))
    parser.add_argument("--clients", action="store_true", help="also the real-client rows")
    asked = parser.parse_args()
    known = {**ROWS, **CLIENTS}
    unknown = [name for name in asked.rows if name not in known]
    if unknown:
        parser.error(f"no row {unknown[0]!r}: use {', '.join(known)}")
    names = asked.rows or [*ROWS, *(CLIENTS if asked.clients else ())]
    print(header(), flush=True)
    rows: list[Row] = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        try:
            rows += known[name]()
        except Exception as error:  # boundary: the other rows are still worth having
            rows.append(
                Row(name, f"not measured: {str(error)[-200:]}".replace("\n", " "), ok=False)
            )
    print(table(rows))
    return 0 if all(row.ok is not False for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
