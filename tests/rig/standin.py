"""A stand-in for a client program: `standin.py screen|lines FILE CODE`.

`screen` draws what Codex draws: an empty composer, after SIGUSR1 an approval dialog, after SIGUSR2
the composer again; each prompt that is submitted is a line of FILE. `lines` reads its prompts as
lines. FILE is there once it listens. Its hooks are run by a child of it, which is CODE (CLIENT in
sealed) and is told by the test, through the socket FILE.run.
"""

import os
import select
import signal
import socket
import sys
import termios
import tty

IDLE = "\x1b]7501;state=idle:app=codex\x1b\\"
BLOCKED = "\x1b]7501;state=blocked:app=codex\x1b\\"
PLACEHOLDER = "\x1b[2mAsk Codex\x1b[22m"


def draw(box: str, dialog: bool) -> None:
    """The whole screen, anew; the cursor at the box's start, where the placeholder begins."""
    if dialog:
        said = f"{BLOCKED}\x1b[2J\x1b[HWould you like to run it?\r\n"
    else:
        said = f"{IDLE}\x1b[2J\x1b[H\r\n› {box or PLACEHOLDER}\r\n\r\n  model\x1b[2;3H"
    os.write(1, said.encode())


def screen(path: str) -> None:
    """Until the terminal is gone: what is typed is drawn, what is submitted is written down."""
    woken, written = os.pipe()
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written)
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, lambda *_: None)
    tty.setraw(0, termios.TCSANOW)
    open(path, "w").close()
    box, dialog = "", False
    draw(box, dialog)
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            dialog = os.read(woken, 64)[-1] == signal.SIGUSR1
        else:
            data = os.read(0, 4096).decode()
            if data == "\r":
                note(path, box)
                box = ""
            else:
                box += data.replace("\x1b[200~", "").replace("\x1b[201~", "")
        draw(box, dialog)


def note(path: str, line: str) -> None:
    with open(path, "a", encoding="utf-8") as stream:
        stream.write(line + "\n")


def lines(path: str) -> None:
    """Until its input ends: each line of it is written down."""
    open(path, "w").close()
    for line in sys.stdin:
        note(path, line.rstrip("\n"))


def serve(path: str, code: str) -> None:
    """A child of this process runs what comes by the socket, with no hold on our terminal."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        if os.fork():
            return
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        connection, _ = listener.accept()
        for fd in (0, 1):
            os.dup2(connection.fileno(), fd)
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", code])


if __name__ == "__main__":
    serve(sys.argv[2] + ".run", sys.argv[3])
    {"screen": screen, "lines": lines}[sys.argv[1]](sys.argv[2])
