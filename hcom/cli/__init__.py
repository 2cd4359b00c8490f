"""The command line: dispatch, and the boundary where errors become one line and an exit code."""

import os
import sys
import time
from contextlib import suppress

from .. import adapters, log, process
from .. import home as homes
from ..errors import HcomError, UsageError


def main(argv: list[str] | None = None) -> int:
    """Run one command line; its exit code. Nothing escapes as a traceback."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["hook"]:  # `hcom` on PATH, where the launcher's interpreter is gone
        from ..hooks.main import main as hook

        return hook(argv)
    process.stand()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    from .call import flush_quietly

    try:
        home = homes.locate(os.environ)
        log.to(home.root if os.path.isdir(home.root) else "")
        code = _run(home, list(argv))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        flush_quietly()
        return 130
    except Exception as error:  # boundary
        flush_quietly()
        if isinstance(error, BrokenPipeError):
            return 1
        told = _told(error, argv)
        _complain(told)
        return told.code


def _told(error: Exception, argv: list[str]) -> HcomError:
    """What a person is told of the error."""
    if isinstance(error, HcomError):
        return error
    if isinstance(error, UnicodeEncodeError):  # a byte of the command line that is no text
        return UsageError(f"not UTF-8 text: {error.object[error.start : error.end][:20]!a}")
    if isinstance(error, OSError):
        return HcomError(f"{error.strerror or error}: {error.filename or 'output'}")
    log.log("cli.failed", command=argv[:1], error=repr(error)[:300])
    return HcomError(f"this is a bug: {type(error).__name__}: {error}", "HCOM_DEBUG=1 shows where")


def _complain(error: HcomError) -> None:
    from ..bus.render import one_line

    if os.environ.get("HCOM_DEBUG") == "1":
        import traceback

        traceback.print_exc()
    hint = f" ({one_line(error.hint, 400)})" if error.hint else ""
    with suppress(OSError):
        sys.stderr.write(f"hcom: {one_line(error.message, 400)}{hint}\n")


def _run(home, argv: list[str]) -> int:
    if argv[:1] == ["help"] and argv[1:]:
        argv = [argv[1], "--help", *argv[2:]]
    if not argv:
        return _alone(home)
    if argv[0] in ("--help", "-h", "help"):
        from . import help as helps

        print(helps.overview())
        return 0
    if argv[0] in ("--version", "-V"):
        from .. import __version__

        print(f"hcom {__version__}")
        return 0
    if _is_launch(argv):
        from . import launching

        return launching.run(home, os.environ, argv)
    return _command(home, argv)


def _alone(home) -> int:
    """The dashboard, for the person at a terminal that can show it; else what it would begin with,
    and where the rest is."""
    from ..ops.caller import surroundings
    from ..tui import main as dashboard

    caller = surroundings(os.environ)  # a client's agent never speaks as the person
    is_person = not (caller.tool or caller.session or caller.launch)
    if is_person and dashboard.usable(os.environ):
        return dashboard.main(home, os.environ)
    from ..ops import problems  # the dashboard does without

    code = _command(home, ["list"])
    if is_person and os.isatty(1) and problems.without_curses():
        sys.stderr.write("hcom: this Python has no curses for the dashboard: hcom status\n")
    sys.stderr.write("hcom --help tells what else there is\n")
    return code


def _is_launch(argv) -> bool:
    """Whether `argv` asks for a client to be run."""
    return argv[0] in adapters.TOOLS or argv[0].lstrip("-").isdecimal()


def _command(home, argv: list[str]) -> int:
    from . import model
    from .call import Call
    from .catalog import find

    command = find(argv[0])
    if model.asks_for_help(command, argv[1:]):
        from . import help as helps

        print(helps.page(command, argv[1:]))
        return 0
    values, words, tail = model.parse(command, argv[1:])
    call = Call(home, os.environ, values, words, tail, time.time())
    code = command.run(call)
    if call.agent is not None:
        _deliver(call)
    return code


def _deliver(call) -> None:
    """An agent without hooks, or of whom none was heard, gets its new messages behind the output of
    each command, if all of that is read as such; else it is told how many wait."""
    from ..ops import caller, talk
    from ..store.connect import open_db

    if talk.is_heard(call.home, call.agent):
        return
    sys.stdout.flush()
    for_program = any(vars(call.values).get(option) for option in ("json", "sh"))
    with open_db(call.home) as db:
        count = talk.waiting(db, call.agent, call.now)
        if not count:
            return
        if not for_program and caller.is_read_whole(call.env):
            talk.hand(db, call.agent, talk.BEHIND_CHARS, lambda said: call.print(said.text + "\n"))
            return
    named = f" --name {call.agent.name}" if call.values.name else ""
    wait = "1 message waits" if count == 1 else f"{count} messages wait"
    call.tell(f"hcom: {wait}: hcom listen{named}")
