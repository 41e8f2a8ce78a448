"""Refuse AMX to this process, so that its runtimes take what they take on VNNI alone.

Linux lends the tiles of AMX to a process that asks for them, by `arch_prctl`; without them
ONNX Runtime, oneDNN (OpenVINO) and XNNPACK (LiteRT) take the next instructions. A seccomp
filter refuses it before the system is asked. Importing TensorFlow asks: call this before.
"""

import ctypes
import errno
import platform
import struct

ARCH_PRCTL, TILE_DATA = 158, 18  # on x86-64
WHAT_IS_LENT, ASK_FOR_TILES = 0x1022, 0x1023
SET_SECCOMP, FILTER, NO_NEW_PRIVILEGES = 22, 2, 38
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # of the filter's machine (BPF)
NUMBER, FIRST_ARGUMENT = 0, 16  # where a call's record has them, in bytes
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_void_p))


def refuse_amx() -> None:
    """From now on, for this process and what it starts; it cannot be taken back.

    Raises:
        OSError: If the system takes no filter, or has lent the tiles already.
        NotImplementedError: Elsewhere than on 64-bit x86 Linux.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NotImplementedError(
            f"There is no AMX to refuse on {platform.platform()}."
        )
    steps = [
        (LOAD, 0, 0, NUMBER),
        (JUMP_IF_EQUAL, 0, 3, ARCH_PRCTL),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_IF_EQUAL, 0, 1, ASK_FOR_TILES),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *s) for s in steps))
    program = _Program(len(steps), ctypes.addressof(code))
    system = ctypes.CDLL(None, use_errno=True)
    if system.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) or system.prctl(
        SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0
    ):
        raise OSError(ctypes.get_errno(), "The system takes no filter of calls")
    lent = ctypes.c_ulong()
    system.syscall(ARCH_PRCTL, ASK_FOR_TILES, TILE_DATA)
    system.syscall(ARCH_PRCTL, WHAT_IS_LENT, ctypes.byref(lent))
    if lent.value >> TILE_DATA & 1:
        raise OSError("This process has the tiles of AMX already: refuse them earlier.")
