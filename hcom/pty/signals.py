"""Signals as bytes on a descriptor, for `select`."""

import os
import signal

# Passed on to the program, as the terminal or a shell would have sent them to it.
SENT_ON = (signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
HEARD = (
    signal.SIGCHLD, signal.SIGCONT, signal.SIGHUP, signal.SIGTERM, signal.SIGWINCH,
    signal.SIGTSTP, *SENT_ON,
)  # fmt: skip


class Signals:
    """Signals as bytes on `fd`, the handlers of before put back at the end."""

    def __enter__(self) -> "Signals":
        self.fd, self._written = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(self._written, False)
        self._woken = signal.set_wakeup_fd(self._written, warn_on_full_buffer=False)
        self._before = {n: signal.signal(n, lambda number, frame: None) for n in HEARD}
        return self

    def __exit__(self, *failure: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        signal.set_wakeup_fd(self._woken)
        os.close(self.fd)
        os.close(self._written)
