"""hcom relay: the way to agents on other machines, and the server that carries it."""

import time

from ...errors import HcomError, UsageError
from ...home import create
from ...ops import relay, settings
from ..model import Command, Option
from .config import is_inside_agent


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) < 65536):
        raise UsageError(f"not a port: {text!r}", "use a number from 0, any free one, to 65535")
    return int(text)


def run(call) -> int:
    word, *rest = [*call.words, *(call.tail or ())] or [""]
    if word in SETTING_UP:
        from .. import relaying  # with what only a person waits for

        return getattr(relaying, word)(call, rest)
    if word not in ACTS:
        known = (*filter(None, ACTS), *SETTING_UP)
        raise UsageError(f"relay {word!r}?", "use " + ", ".join(known))
    if rest:
        raise UsageError(f"unexpected argument: {rest[-1]!r}", f"hcom relay {word} --help")
    return ACTS[word](call)


def _status(call) -> int:
    from ...relay import report

    said = report.facts(call.home, call.env, time.time())
    relay.rouse(call.home, call.env)
    call.show(said, "\n".join(relay.lines(said)))
    return 1 if said["probe"]["error"] else 0


def _turn(call) -> int:
    inside = is_inside_agent(call)
    done, *said = settings.turn_relay(call.home, call.env, call.words[0], inside)
    for line in said:
        call.tell(f"hcom: {line}")
    call.say(done)
    return 0


def _pull(call) -> int:
    from ...relay import report

    found = report.probe(call.home, call.env)
    if found.error:
        raise HcomError(f"not all is here: {found.error}", "hcom relay")
    call.say("all that the relay has is here")
    return 0


def _serve(call) -> int:
    from ...relay import server

    given = {}
    if call.values.stdio:
        create(call.home)
        given["--socket"] = call.home.run("relay", "socket")
    given |= {o.flags: vars(call.values)[o.key] for o in PART.options if o.value}
    argv = [
        word for flag, value in given.items() if value is not None for word in (flag, str(value))
    ]
    argv += [o.flags for o in PART.options if not o.value and vars(call.values)[o.key]]
    return server.main(argv, call.env)


ACTS = {"": _status, "on": _turn, "off": _turn, "pull": _pull, "serve": _serve}
SETTING_UP = ("hf", "ssh", "invite", "join", "forget")
PART = Command(
    "relay serve",
    "Run a relay server for several machines",
    (("hcom relay serve", "Run it in this terminal, until Ctrl-C"),),
    (
        Option("--host", "Where it listens (default 127.0.0.1: this machine only)", "ADDRESS"),
        Option("--port", "Its port, 0 for any free one (default 8765)", "PORT", _port),
        Option("--token-file", "The token that it asks for (16 characters or more)", "FILE"),
        Option("--state", "Keep what it holds here, for the next start", "FILE"),
        Option("--tls-cert", "Speak https with this certificate (PEM)", "FILE"),
        Option("--tls-key", "The certificate's key, if it is not in there", "FILE"),
        Option("--quiet", "No line for each request on stderr"),
        Option("--stdio", "Be one connection, for ssh, to a server all on this machine share"),
    ),
    run,
    "",
    ("hcom relay serve --port 0", "hcom relay serve --port 0 --token-file ~/relay-token"),
    """Where other machines reach it, a server needs a token:
  (umask 077; python3 -c 'import secrets; print(secrets.token_urlsafe(24))' > ~/relay-token)
  hcom relay serve --host 0.0.0.0 --token-file ~/relay-token --tls-cert FILE --tls-key FILE
Without TLS use it behind a proxy that has it. HCOM_RELAY_TOKEN instead of --token-file will do.
It keeps messages for a week, or less where there are many; its log has no text and no token.
What it speaks is in docs/protocol.md; the file hcom/relay/server.py runs alone, too.
""",
)
COMMAND = Command(
    "relay",
    "Cross-device messaging",
    (
        ("hcom relay", "Talk to the relay now and say how it went; the other devices"),
        ("hcom relay on|off", "Talk to the relay that is set, or to none"),
        ("hcom relay pull", "Tell and take all now, also where no agent lives"),
        ("hcom relay hf", "Set up a relay in a private Hugging Face Space of yours"),
        ("hcom relay hf -", "With a token that is read from standard input"),
        (
            "hcom relay ssh USER@HOST",
            "Use a host that you reach by ssh and that has hcom, as a relay",
        ),
        ("hcom relay invite", "Print the code by which another machine joins: a secret"),
        ("hcom relay join CODE", "Join by it; with - it is read from standard input"),
        ("hcom relay forget DEVICE", "Give up a device that does not come back"),
        ("hcom relay serve", "Run a relay server (hcom relay serve --help)"),
    ),
    (
        Option("--json", "One JSON object"),
        Option("--update", "hf: put this version's server into the Space that is there"),
        *PART.options,
    ),
    run,
    "on|off|pull|hf|ssh|invite|join|forget|serve token|host|code|device",
    PART.examples,
    """On one machine: hcom relay serve, with a token (hcom relay serve --help). Then, on each:
  hcom config relay URL               where it is
  hcom config relay_token - < FILE    its token
or, instead: hcom relay join -, with what hcom relay invite prints on one of them: URL, token and a
key by which all sign, so that who runs the relay can read but not write in their names.
  hcom relay                          whether it works
From then on hcom list shows the agents of the others as luna:BOXE; @luna:BOXE reaches that one,
@luna the one here, and a message to nobody by name all of them. 42:BOXE is their message 42.
A process of its own does it while an agent lives. What is sent offline waits. Of a message to
another device hcom list says: queued (here), relayed (the relay has it), arrived, delivered, seen.
A device that was not heard for 7 days is forgotten, or by forget at once: messages that it has not
said to have seen are undeliverable then. If it comes back, it is one of the others, and has them.
All text that agents send, and what they do, can be read by who runs the relay.

hf finds or makes the Space hcom-relay, waits until our server answers there, and only then
changes settings. Its token is, in this order: TOKEN behind hf (which your shell's history keeps;
prefer -), $HF_TOKEN, the file $HF_TOKEN_PATH, $HF_HOME/token, ~/.cache/huggingface/token. It must
be one that may write; HF_ENDPOINT names another Hub. The token is the relay's too, and is kept in
config.env, which only you can read. Docker Spaces need a paid plan of Hugging Face.
""",
    parts=(PART,),
)
