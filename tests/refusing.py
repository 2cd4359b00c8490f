"""A system that refuses what hcom asks of it, as some filesystems do: for a program and all that it
starts, by a filter of system calls (Linux, x86-64 and arm64).

    python refusing.py modes|links|fifos|maps PROGRAM ARGUMENT...
"""

import ctypes
import errno
import os
import platform
import struct
import sys

PRCTL_SECCOMP, MODE_FILTER, PRCTL_NO_NEW_PRIVS = 22, 2, 38
ALLOW, REFUSE = 0x7FFF0000, 0x00050000  # the latter with an errno
NUMBERS = {  # of chmod, fchmod, fchmodat, fchmodat2; symlink, symlinkat; mknod, mknodat; mmap
    "x86_64": {"modes": (90, 91, 268, 452), "links": (88, 266), "fifos": (133, 259), "maps": (9,)},
    "aarch64": {"modes": (52, 53, 452), "links": (36,), "fifos": (33,), "maps": (222,)},
}
LOAD, EQUAL, ANY, RETURN = 0x20, 0x15, 0x45, 0x06  # BPF: a word, jump if =, jump if &, return
CALL, ARGUMENTS = 0, 16  # where struct seccomp_data has the call's number and its arguments


def possible() -> bool:
    """Whether this machine can refuse so."""
    return sys.platform == "linux" and platform.machine() in NUMBERS


def _calls(*numbers: int) -> list:
    """Whoever makes such a call is told that it is not permitted."""
    steps = [(EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    return [(LOAD, 0, 0, CALL), *steps, (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE | errno.EPERM)]


def _maps(number: int) -> list:
    """No file can be mapped so that others see what is written there."""
    return [
        (LOAD, 0, 0, CALL),
        (EQUAL, 0, 5, number),
        (LOAD, 0, 0, ARGUMENTS + 8 * 2),  # protection
        (ANY, 0, 3, 2),  # PROT_WRITE
        (LOAD, 0, 0, ARGUMENTS + 8 * 3),  # flags
        (ANY, 0, 1, 1),  # MAP_SHARED
        (RETURN, 0, 0, REFUSE | errno.ENODEV),
        (RETURN, 0, 0, ALLOW),
    ]


def refuse(steps) -> None:
    """This process and all that it starts get what `steps` say, for good. OSError."""
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((PRCTL_NO_NEW_PRIVS, 1, 0, 0, 0), (PRCTL_SECCOMP, MODE_FILTER, program, 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    numbers = NUMBERS[platform.machine()][sys.argv[1]]
    refuse(_maps(*numbers) if sys.argv[1] == "maps" else _calls(*numbers))
    os.execvp(sys.argv[2], sys.argv[2:])
