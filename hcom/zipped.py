"""The package in a zip file (`python3 -m zipapp hcom`): it runs from a copy in HCOM_DIR, for what
clients' hooks, workflows and the demo run are files.

The copy lies where no agent in a sandbox may write, and is made anew once the zip file is another.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
from contextlib import suppress

from . import home as homes
from .errors import HcomError


def main(path: str, words: list[str], env) -> None:
    """This process runs the copy with these words; where there can be none, that is said."""
    try:
        package = unpacked(path, env)
    except (HcomError, OSError) as error:
        said = (
            error.message if isinstance(error, HcomError) else f"{error.strerror}: {error.filename}"
        )
        sys.exit(f"hcom: cannot unpack itself: {said} (export HCOM_DIR=$PWD/.hcom)")
    python = os.path.realpath(sys.executable)
    os.execv(python, [python, "-I", "-S", package, *words])


def unpacked(path: str, env) -> str:
    """The folder in HCOM_DIR that holds what the zip file does. HcomError, OSError."""
    home = homes.locate(env)
    folder = home.kept("zipped")
    with open(path, "rb") as stream:
        mark = os.path.join(folder, hashlib.sha256(stream.read()).hexdigest())
    if not os.path.exists(mark):
        homes.create(home)
        with homes.Lock(home, "zipped") as lock:
            lock.take(wait=True)
            if not os.path.exists(mark):
                _unpack(path, folder, os.path.basename(mark))
    return os.path.join(folder, "hcom")


def _unpack(path: str, folder: str, mark: str) -> None:
    """The copy is there, with its mark; what was there before is gone."""
    fresh = tempfile.mkdtemp(prefix="zipped-", dir=os.path.dirname(folder))
    try:
        with zipfile.ZipFile(path) as packed:
            names = [name for name in packed.namelist() if "__pycache__" not in name]
            packed.extractall(os.path.join(fresh, "hcom"), names)
        homes.write_private(os.path.join(fresh, mark), "")
        with suppress(FileNotFoundError):
            os.rename(folder, os.path.join(fresh, "old"))
        os.rename(fresh, folder)
    finally:
        for left in (fresh, os.path.join(folder, "old")):
            shutil.rmtree(left, ignore_errors=True)
