"""One JSON line per thing that happened, in HCOM_DIR/logs/hcom.log. No secrets, no message text.

Logging never fails: where the line cannot be written, it is dropped.
"""

import json
import os
import time

from .home import private_file, private_folder

LIMIT_BYTES = 2_000_000  # one old file is kept beside it: 4 MB are months of ordinary use

_path = ""


def to(root: str) -> None:
    """Lines go to `root`/logs/hcom.log from now on; "" turns the log off."""
    global _path
    _path = os.path.join(root, "logs", "hcom.log") if root else ""


def log(event: str, **facts) -> None:
    """Append one line: `event` in dotted past tense, the facts as fields."""
    if not _path:
        return
    line = json.dumps(
        {"at": round(time.time(), 3), "event": event, "pid": os.getpid(), **facts}, default=str
    )
    try:
        private_folder(os.path.dirname(_path))
        if os.path.exists(_path) and os.path.getsize(_path) > LIMIT_BYTES:
            os.replace(_path, _path + ".1")
        descriptor = private_file(_path, os.O_WRONLY | os.O_APPEND)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(line + "\n")
    except OSError:
        pass
