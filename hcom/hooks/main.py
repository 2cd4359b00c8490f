"""One hook call, from the client's payload to its reply.

`hook TOOL EVENT PID` handles the payload on stdin now; `hook record` takes what the launcher
spooled; `hook wait TOOL PID` is the waiter of a client that can be woken in no other way.
Whatever goes wrong, the client sees an empty output and exit 0.
"""

import gc
import os
import sys
import time

from ..process import alive, is_above, stand

LIMIT_BYTES = 64 * 1024 * 1024  # a payload holds whole files; beyond this it is not one


def main(argv: list[str]) -> int:
    """Run one hook; 0, or 2 where a waiter has something to push."""
    try:
        stand()
        began = time.time()
        if argv[1:2] == ["record"]:
            from . import recorder

            return recorder.record()
        if argv[1:2] == ["wait"]:
            from . import waiter

            return waiter.wait(argv[2], _client(argv[3]))
        return _handle(argv[1], argv[2], _client(argv[3]), began)
    except SystemExit:
        raise
    except BaseException as error:  # boundary
        _note(error)
        return 0


def _client(said: str) -> int:
    """The client's process, as the launcher says it. ValueError for one that lives and does not run
    this hook."""
    pid = int(said)
    if not is_above(pid) and alive(pid, ""):
        raise ValueError(f"process {pid} runs no hook of ours")
    return pid


def _note(error: BaseException) -> None:
    try:
        from .. import home, log

        log.to(home.locate(os.environ).root)
        log.log("hook.failed", error=repr(error)[:300])
        if os.environ.get("HCOM_DEBUG") == "1":
            import traceback

            log.log("hook.trace", trace=traceback.format_exc())
    except BaseException:  # boundary
        pass


def _handle(tool: str, event: str, pid: int, began: float) -> int:
    gc.disable()  # this process is over before it is worth it
    raw = sys.stdin.buffer.read(LIMIT_BYTES)
    from .. import adapters
    from ..adapters.base import parsed
    from . import handle

    if tool not in adapters.TOOLS:
        return 0
    adapter = adapters.load(tool, "hook")
    signal = adapter.read(event, parsed(raw), os.environ, pid, began)
    return handle.run(adapter, tool, event, signal, raw, os.environ, _emit)


def _emit(text: str) -> None:
    """`text` is with the client. OSError when it is not."""
    data = memoryview(text.encode("utf-8"))
    while data:
        data = data[os.write(1, data) :]
