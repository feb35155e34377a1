"""The system calls that a sandboxed program may not make, as a filter of classic BPF that bubblewrap loads."""

import errno
import platform
import struct
from collections.abc import Mapping
from typing import NamedTuple

# Instructions (linux/bpf_common.h), answers (linux/seccomp.h) and offsets in `struct seccomp_data`.
_LOAD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_AT_LEAST = 0x35
_JUMP_ANY_BIT = 0x45
_RETURN = 0x06
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000
_NUMBER = 0
_ARCHITECTURE = 4
_ARGUMENTS = 16

_X32_BIT = 0x40000000
_NEW_NAMESPACES = 0x7E020000
"""Every CLONE_NEW… flag."""
_AF_UNIX = 1
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C
_LAST_KNOWN = 462
"""The newest system call that was reviewed here; later ones do not exist for a program."""

type Instruction = tuple[int, int, int, int]


class Machine(NamedTuple):
    """An architecture: its audit number, and the numbers of the calls whose arguments are checked."""

    audit: int
    socket: int
    socketpair: int
    clone: int
    ioctl: int
    denied: tuple[int, ...]


_CLONE3 = 435

_DENIED = """
_sysctl 156 -
acct 163 89
add_key 248 217
adjtimex 159 171
bpf 321 280
chroot 161 51
clock_adjtime 305 266
clock_settime 227 112
delete_module 176 106
fanotify_init 300 262
fanotify_mark 301 263
finit_module 313 273
fsconfig 431 431
fsmount 432 432
fsopen 430 430
fspick 433 433
init_module 175 105
io_uring_enter 426 426
io_uring_register 427 427
io_uring_setup 425 425
ioperm 173 -
iopl 172 -
kcmp 312 272
kexec_file_load 320 294
kexec_load 246 104
keyctl 250 219
lookup_dcookie 212 18
mbind 237 235
memfd_create 319 279
memfd_secret 447 447
migrate_pages 256 238
modify_ldt 154 -
mount 165 40
mount_setattr 442 442
move_mount 429 429
move_pages 279 239
mq_open 240 180
mq_unlink 241 181
msgctl 71 187
msgget 68 186
msgrcv 70 188
msgsnd 69 189
name_to_handle_at 303 264
open_by_handle_at 304 265
open_tree 428 428
perf_event_open 298 241
personality 135 92
pidfd_getfd 438 438
pivot_root 155 41
process_madvise 440 440
process_vm_readv 310 270
process_vm_writev 311 271
ptrace 101 117
quotactl 179 60
quotactl_fd 443 443
reboot 169 142
request_key 249 218
semctl 66 191
semget 64 190
semop 65 193
semtimedop 220 192
set_mempolicy 238 237
setdomainname 171 162
sethostname 170 161
setns 308 268
settimeofday 164 170
shmat 30 196
shmctl 31 195
shmdt 67 197
shmget 29 194
swapoff 168 225
swapon 167 224
syslog 103 116
umount2 166 39
unshare 272 97
uselib 134 -
userfaultfd 323 282
vhangup 153 58
vmsplice 278 75
"""
"""Each call that fails with EPERM: its name, its number on x86-64, and on aarch64."""


def _numbers(column: int) -> tuple[int, ...]:
    cells = (line.split()[column] for line in _DENIED.strip().splitlines())
    return tuple(sorted(int(cell) for cell in cells if cell != "-"))


X86_64 = Machine(audit=0xC000003E, socket=41, socketpair=53, clone=56, ioctl=16, denied=_numbers(1))
AARCH64 = Machine(audit=0xC00000B7, socket=198, socketpair=199, clone=220, ioctl=29, denied=_numbers(2))
MACHINES: Mapping[str, Machine] = {"x86_64": X86_64, "aarch64": AARCH64}


def filter_of(machine: Machine) -> bytes:
    """Return the compiled filter of an architecture, as `struct sock_filter` in the machine's byte order."""
    program = [
        _load(_ARCHITECTURE),
        *_unless_equal(machine.audit, _KILL),
        _load(_NUMBER),
        *_if_at_least(_X32_BIT, _KILL),
        *_if_at_least(_LAST_KNOWN + 1, _errno(errno.ENOSYS)),
        *_if_equal(_CLONE3, _errno(errno.ENOSYS)),  # its flags are behind a pointer; C libraries then use `clone`
    ]
    for number in machine.denied:
        program += _if_equal(number, _errno(errno.EPERM))
    for number in (machine.socket, machine.socketpair):
        program += _for_call(number, [*_unless_equal(_AF_UNIX, _errno(errno.EAFNOSUPPORT)), _return(_ALLOW)])
    program += _for_call(machine.clone, [*_if_any_bit(_NEW_NAMESPACES, _errno(errno.EPERM)), _return(_ALLOW)])
    terminal = [*_if_equal(_TIOCSTI, _errno(errno.EPERM)), *_if_equal(_TIOCLINUX, _errno(errno.EPERM))]
    program += _for_call(machine.ioctl, [*terminal, _return(_ALLOW)], argument=1)
    program.append(_return(_ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def filter_here() -> bytes | None:
    """Return the filter of this machine, or None if its architecture has none."""
    machine = MACHINES.get(platform.machine())
    return None if machine is None else filter_of(machine)


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _return(answer: int) -> Instruction:
    return (_RETURN, 0, 0, answer)


def _errno(number: int) -> int:
    return _ERRNO | number


def _if_equal(value: int, answer: int) -> list[Instruction]:
    return [(_JUMP_EQUAL, 0, 1, value), _return(answer)]


def _unless_equal(value: int, answer: int) -> list[Instruction]:
    return [(_JUMP_EQUAL, 1, 0, value), _return(answer)]


def _if_at_least(value: int, answer: int) -> list[Instruction]:
    return [(_JUMP_AT_LEAST, 0, 1, value), _return(answer)]


def _if_any_bit(mask: int, answer: int) -> list[Instruction]:
    return [(_JUMP_ANY_BIT, 0, 1, mask), _return(answer)]


def _for_call(number: int, body: list[Instruction], argument: int = 0) -> list[Instruction]:
    """Return a block for one call: it checks the low half of an argument, and its body always decides."""
    return [(_JUMP_EQUAL, 0, len(body) + 1, number), _load(_ARGUMENTS + 8 * argument), *body]
