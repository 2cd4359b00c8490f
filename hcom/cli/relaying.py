"""`hcom relay hf`: what sets up the way to other machines."""

import os
import sys
import time

from ..bus.render import clean
from ..errors import HcomError, UsageError
from ..ops import relay
from ..ops.settings import PERSON
from ..process import itself
from ..relay import hf as hugging
from .commands.config import is_inside_agent, secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def _given(call, words, what: str) -> str:
    """The secret behind the command's word, "" where nothing is."""
    command = f"hcom relay {call.words[0]}"
    if is_inside_agent(call):
        raise HcomError("an agent may not change the relay", f"{PERSON}: {command}")
    if len(words) > 1:
        raise UsageError(f"one {what} at a time", f"{command} --help")
    if words and words[0] != "-":
        call.tell(f"hcom: the {what} is in your shell's history now; {command} - would ask for it")
        sys.stderr.flush()
        _begun_anew(call, words[0])
    return secret(what, command) if words else ""


def _begun_anew(call, given: str) -> "NoReturn":
    """This process is the same command, which reads what was `given` from standard input: for as
    long as it runs, everybody on this machine may read its arguments."""
    read, write = os.pipe()
    os.write(write, given.encode()[:4096] + b"\n")  # what a pipe takes with no reader
    os.close(write)
    os.dup2(read, 0)
    flags = ["--update"] if call.values.update else []
    argv = [*itself(), "relay", call.words[0], "-", *flags]
    os.execve(argv[0], argv, call.env)


def _progress(text: str, seconds: int) -> None:
    """A line that the next one is written over; where there is no terminal, one now and then."""
    line = f"{clean(text)}, {seconds} s"
    if sys.stderr.isatty():
        sys.stderr.write(f"\x1b[2K{line}\r")
        sys.stderr.flush()
    elif seconds % 30 < hugging.LOOK_S:
        sys.stderr.write(f"{line}\n")


def hf(call, words) -> int:
    """A relay runs in the person's own Space, and is the one of this machine."""
    token = _given(call, words, "token") or hugging.token_of(call.env)
    around = hugging.Around(time.monotonic, time.sleep, call.tell, _progress)
    url = hugging.set_up(call.env, token, call.values.update, around)
    relay.connect(call.home, call.env, {"HCOM_RELAY": url, "HCOM_RELAY_TOKEN": token})
    call.say(f"relay = {url}")
    return 0
