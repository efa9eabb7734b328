"""Take from a process what it never needs: the network, other programs, core files.

The engine in a worker makes real HTTP requests for SERVICE and LOAD. Their refusal in the query text comes first;
this is the second wall. Linux only; what the kernel does not offer is left out.
"""

import ctypes
import os
import platform
import resource
import struct

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 1, 38, 22, 2
_SECCOMP_RET_ALLOW, _SECCOMP_RET_ERRNO, _EACCES = 0x7FFF0000, 0x00050000, 13
# Audit architecture and the numbers of: socket, connect, bind, listen, accept, execve, execveat, ptrace, accept4,
# io_uring_setup.
_SYSTEM_CALLS = {
    "x86_64": (0xC000003E, (41, 42, 49, 50, 43, 59, 322, 101, 288, 425)),
    "aarch64": (0xC00000B7, (198, 203, 200, 201, 202, 221, 281, 117, 242, 425)),
}
_X32_BIT = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def forbid_network() -> bool:
    """Make every attempt to open a connection or to run a program fail with EACCES, here and in all forks.

    Sockets that are open already keep working. False where the kernel or the machine has no such filter.
    """
    known = _SYSTEM_CALLS.get(platform.machine())
    if known is None:
        return False
    architecture, calls = known

    def step(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    refuse = _SECCOMP_RET_ERRNO | _EACCES
    steps = [step(load, 0, 0, 4), step(equal, 1, 0, architecture), step(answer, 0, 0, refuse), step(load, 0, 0, 0)]
    if platform.machine() == "x86_64":  # the same calls under their other numbers
        steps += [step(at_least, 0, 1, _X32_BIT), step(answer, 0, 0, refuse)]
    for number in calls:
        steps += [step(equal, 0, 1, number), step(answer, 0, 0, refuse)]
    steps.append(step(answer, 0, 0, _SECCOMP_RET_ALLOW))
    program = _Program(len(steps), b"".join(steps))
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program)) == 0)


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process a signal when its parent ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def write_no_core_files() -> None:
    """A crash leaves no copy of the memory on disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_memory(extra_bytes: int) -> None:
    """Let this process have `extra_bytes` more address space than it has now."""
    limit = _address_space_bytes(os.getpid()) + extra_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def memory_left(process: int) -> int:
    """How many bytes of address space a process may still have, by its limit. Raises OSError: it is gone."""
    limit, _ = resource.prlimit(process, resource.RLIMIT_AS)
    return limit - _address_space_bytes(process)


def _address_space_bytes(process: int) -> int:
    return int(_read(f"/proc/{process}/statm").split()[0]) * resource.getpagesize()


def deepen_stack(size_bytes: int) -> None:
    """Let the stack of the main thread grow to `size_bytes`."""
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if hard != resource.RLIM_INFINITY:
        size_bytes = min(size_bytes, hard)
    resource.setrlimit(resource.RLIMIT_STACK, (size_bytes, hard))


def die_first() -> None:
    """When the machine runs out of memory, let the kernel choose this process before any other."""
    descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    os.write(descriptor, b"1000")
    os.close(descriptor)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    data = os.read(descriptor, 4096)
    os.close(descriptor)
    return data
