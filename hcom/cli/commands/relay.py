"""hcom relay: the way to agents on other machines. So far the server that carries it."""

from ...errors import UsageError
from ...home import create
from ..model import Command, Option


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) < 65536):
        raise UsageError(f"not a port: {text!r}", "use a number from 0, any free one, to 65535")
    return int(text)


def run(call) -> int:
    if call.words != ["serve"]:
        extra = f"unexpected argument: {call.words[-1]!r}" if call.words else "relay what?"
        raise UsageError(extra, "hcom relay serve")
    from ...relay import server

    given = {}
    if call.values.stdio:
        create(call.home)
        given["--socket"] = call.home.run("relay", "socket")
    given |= {o.flags: vars(call.values)[o.key] for o in OPTIONS if o.value}
    argv = [
        word for flag, value in given.items() if value is not None for word in (flag, str(value))
    ]
    argv += [o.flags for o in OPTIONS if not o.value and vars(call.values)[o.key]]
    return server.main(argv, call.env)


OPTIONS = (
    Option("--host", "Where it listens (default 127.0.0.1: this machine only)", "ADDRESS"),
    Option("--port", "Its port, 0 for any free one (default 8765)", "PORT", _port),
    Option("--token-file", "The token that it asks for (16 characters or more)", "FILE"),
    Option("--state", "Keep what it holds here, for the next start", "FILE"),
    Option("--tls-cert", "Speak https with this certificate (PEM)", "FILE"),
    Option("--tls-key", "The certificate's key, if it is not in there", "FILE"),
    Option("--quiet", "No line for each request on stderr"),
    Option("--stdio", "Be one connection, for ssh, to a server all on this machine share"),
)
COMMAND = Command(
    "relay",
    "Cross-device messaging",
    (("hcom relay serve", "Run a relay server for several machines, until Ctrl-C"),),
    OPTIONS,
    run,
    "serve",
    ("hcom relay serve --port 0", "hcom relay serve --port 0 --token-file ~/relay-token"),
    """Where other machines reach it, a server needs a token:
  (umask 077; python3 -c 'import secrets; print(secrets.token_urlsafe(24))' > ~/relay-token)
  hcom relay serve --host 0.0.0.0 --token-file ~/relay-token --tls-cert FILE --tls-key FILE
Without TLS use it behind a proxy that has it. HCOM_RELAY_TOKEN instead of --token-file will do.
It keeps messages for a week, or less where there are many; its log has no text and no token.
What it speaks is in docs/protocol.md; the file hcom/relay/server.py runs alone, too.
""",
)
