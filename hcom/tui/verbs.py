"""What the dashboard does for each verb of the table of keys."""

from collections.abc import Callable
from functools import partial

from . import compose
from .moves import MOVES
from .state import ARCHIVE, FILTER, LAUNCH, MESSAGE, RELAY, RUN, SETTING, STATUS, STEERS, Entry


def of(app) -> dict[str, Callable[[], None]]:
    """Verb -> what `app` does, once it is pressed."""
    return {
        **{name: partial(app.move, name) for name in MOVES},
        **{name: partial(app.edit, name) for name in compose.EDITS},
        "open": app.open,
        "write": lambda: app.begin(compose.written(app.state, app.data)),
        "everyone": lambda: app.begin(Entry(MESSAGE, to_all=True)),
        "reply": lambda: app.begin(compose.answering(app.state, app.data)),
        "follow": app.follow,
        "fold": app.fold,
        "answer": app.answer,
        "transcript": lambda: app.show_of("transcript"),
        "screen": lambda: app.show_of("screen"),
        "window": app.go,
        "help": lambda: app.show("help", ""),
        **{name: partial(app.ask, name) for name in STEERS},
        "launch": lambda: app.begin(Entry(LAUNCH)),
        "tag": app.ask_tag,
        "subscribe": app.subscribe,
        "settings": lambda: app.show_to(SETTING),
        "status": lambda: app.show_to(STATUS),
        "run": lambda: app.show_to(RUN),
        "relay": lambda: app.show_to(RELAY),
        "archive": lambda: app.show_to(ARCHIVE),
        "filter": lambda: app.begin(Entry(FILTER, app.state.filter, len(app.state.filter))),
        "mouse": app.mouse,
        "redraw": app.screen.renew,
        "suspend": app.screen.suspend,
        "quit": app.quit,
        "send": app.send,
        "complete": app.complete,
        "earlier": lambda: app.recall(1),
        "later": lambda: app.recall(-1),
        "take": app.take,
        "yes": lambda: app.confirmed(False),
        "all_tagged": lambda: app.confirmed(True),
    }
