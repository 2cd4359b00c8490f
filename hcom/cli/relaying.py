"""`hcom relay hf`, `ssh`, `invite` and `join`: what sets up the way to other machines."""

import os
import secrets
import sys
import time
from contextlib import closing

from .. import config
from ..bus.render import clean
from ..errors import HcomError, UsageError
from ..ops import relay
from ..ops.settings import PERSON
from ..process import itself
from ..relay import hf as hugging
from ..relay import rules
from ..relay.link import Link, version
from .commands.config import is_inside_agent, secret

ANSWER_S = 20.0
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def _command(call, words, most: int) -> str:
    """The command, as a person may run it. HcomError for an agent, and for more words than that."""
    command = f"hcom relay {call.words[0]}"
    if is_inside_agent(call):
        raise HcomError("an agent may not change the relay", f"{PERSON}: {command}")
    if len(words) > most:
        raise UsageError(f"unexpected argument: {words[-1]!r}", "hcom relay --help")
    return command


def _given(call, words, what: str, check) -> str:
    """The secret behind the command's word, "" where nothing is. HcomError by the `check` where
    what was given with it can be none."""
    command = _command(call, words, 1)
    if words and words[0] != "-":
        check(words[0])
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


def _probe(call, url: str, token: str, hint: str) -> None:
    """A relay answers at the URL. HcomError, with the `hint`, when none does."""
    with closing(Link(url, token, config.public(call.env))) as link:
        found = version(link, ANSWER_S)
    if found.wire != 2:  # where a key is, all is signed; and by ssh it is our own
        raise HcomError(f"no relay at {url}: {found.error or 'it speaks wire 1'}", hint)


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
    token = _given(call, words, "token", hugging.check) or hugging.token_of(call.env)
    around = hugging.Around(time.monotonic, time.sleep, call.tell, _progress)
    space = hugging.set_up(call.env, token, call.values.update, around)
    if space.wire == 1 and relay.settings(call.home).relay_key:
        said = f"the relay of {space.id} speaks wire 1, on which nothing can be signed"
        raise HcomError(f"{said}; nothing is set here", hugging.NEWER)
    relay.connect(call.home, call.env, {"HCOM_RELAY": space.url, "HCOM_RELAY_TOKEN": token})
    call.say(f"relay = {space.url}")
    if space.wire == 1:
        call.tell(f"It speaks wire 1: no signatures, no word of what it has. {hugging.NEWER}")
    return 0


def ssh(call, words) -> int:
    """The relay is a server on a host that the person reaches by ssh, which runs it when asked."""
    _command(call, words, 1)
    if not words:
        raise UsageError("ssh to where?", "hcom relay ssh USER@HOST")
    where = words[0].removeprefix("ssh://")
    url = f"ssh://{where}"
    config.check("HCOM_RELAY", url)
    _probe(call, url, "", f"this has to work and ask nothing: ssh {where} hcom --version")
    relay.connect(call.home, call.env, {"HCOM_RELAY": url, "HCOM_RELAY_TOKEN": None})
    call.say(f"relay = {url}")
    return 0


def invite(call, words) -> int:
    """The code by which another machine joins is printed; its room is signed from now on."""
    _command(call, words, 0)
    said = relay.settings(call.home)
    if not said.relay:
        raise HcomError("there is no relay to invite to", "hcom relay hf, or hcom relay --help")
    key = said.relay_key or secrets.token_urlsafe(32)
    if not said.relay_key:
        relay.connect(call.home, call.env, {"HCOM_RELAY_KEY": key})
        call.tell("From now on what comes from a machine that has not joined is dropped.")
    call.tell(
        "A secret: who has it reads all that goes through the relay, writes in any machine's name, "
        "and has the relay's token (from hcom relay hf: your token of Hugging Face).\n"
        "On the other machine: hcom relay join -"
    )
    call.say(rules.Invitation(said.relay, said.relay_token, key).code())
    return 0


def forget(call, words) -> int:
    """The device is none of the others, until it is heard again."""
    _command(call, words, 1)
    if not words:
        raise UsageError("forget which device?", "hcom relay names them")
    relay.forget(call.home, words[0], call.now)
    call.say(f"forgot {words[0].upper()}")
    return 0


def join(call, words) -> int:
    """This machine is in the room of the invitation, whose relay answers."""
    code = _given(call, words, "code", _room)
    if not code:
        raise UsageError("join by which code?", "hcom relay join - reads it")
    values = _room(code)
    url, token, _ = values.values()
    _probe(call, url, token, "when it runs, or by a new invitation: hcom relay join -")
    relay.connect(call.home, call.env, values)
    call.say(f"joined {url}")
    return 0


def _room(code: str) -> dict:
    """The settings of who joins by the code. HcomError where it is none."""
    said = rules.invited(code)
    if said is None:
        raise HcomError("that is no invitation, or not all of it", "hcom relay invite prints one")
    values = {"HCOM_RELAY": said.url, "HCOM_RELAY_TOKEN": said.token, "HCOM_RELAY_KEY": said.key}
    for key, value in values.items():
        config.check(key, value)
    return values
