"""What follows a commit, in one place: marks, doorbells, wakes, and the matching of subscriptions.

A use case says what it did (`Done`); all else is decided here, once. Nothing here fails: what was
committed stands, and whoever is not told now looks later.
"""

import os
from collections import namedtuple

from ..bus.agent import is_far
from ..delivery import bell, marks
from ..errors import StoreError
from ..process import itself, leave_behind

# What a use case did.
#
# `mail` are the names for whom something was queued, `wakes` whether that may wake the idle,
# `parents` those in whose sessions some of them run; `rung` who else is to look; `restless` who
# went idle with mail waiting; `left` (name, keys) of each that takes part no more; `watched`
# whether anybody waits for such events, None where that was not asked.
Done = namedtuple(
    "Done",
    "mail wakes parents rung restless left watched",
    defaults=((), True, (), (), (), (), None),
)


def after(home, done: Done) -> None:
    """Everybody concerned knows what was committed. No database may be open."""
    for name, keys in done.left:
        marks.unmark(home, keys)
        marks.lower_flag(home, name)
        bell.ring(home, [name], bell.QUIT)
    mail = [name for name in done.mail if not is_far(name)]  # the others have no hook here
    if mail:
        marks.raise_flag(home, [*mail, *done.parents])
    rung = bell.ring(home, [bell.EVERYONE, bell.RELAY, *mail, *done.rung])
    if bell.RELAY not in rung and os.path.exists(home.run(bell.RELAY)):
        leave_behind([*itself(), "relayed"], {**os.environ, "HCOM_DIR": home.root})
    idle = [*done.restless, *(mail if done.wakes else ())]
    if idle:
        from .wake import rouse  # most of what happens wakes nobody

        rouse(home, idle)
    if _watched(home) if done.watched is None else done.watched:
        leave_behind([*itself(), "match"], {**os.environ, "HCOM_DIR": home.root})


def _watched(home) -> bool:
    """Whether anybody waits for events that are no tool's."""
    from ..store import events
    from ..store.connect import open_db

    try:
        with open_db(home) as db:
            return events.is_watched(db)
    except StoreError:
        return False
