"""The filters of both machines, run by a small interpreter of classic BPF: each system call by its own number.

The numbers are those of the kernel's tables, written here by themselves: x86-64's, and the generic ones of aarch64.
"""

import errno
import struct
from typing import Literal

import pytest

from edge.runtimes.local.sandbox.seccomp import AARCH64, MACHINES, X86_64, Machine, filter_of

ALLOW = 0x7FFF0000
KILL = 0x80000000
ERRNO = 0x00050000
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK = 1, 2, 10, 16, 17, 40
CLONE_THREAD = 0x003D0F00
TCGETS, TIOCSTI, TIOCLINUX = 0x5401, 0x5412, 0x541C

type Name = Literal["x86_64", "aarch64"]
MACHINE_NAMES: list[Name] = ["x86_64", "aarch64"]

DENIED = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "bpf": (321, 280),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "pidfd_getfd": (438, 438),
    "personality": (135, 92),
    "settimeofday": (164, 170),
    "vmsplice": (278, 75),
}
ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "openat": (257, 56),
    "close": (3, 57),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "execve": (59, 221),
    "exit_group": (231, 94),
    "wait4": (61, 260),
    "futex": (202, 98),
    "epoll_create1": (291, 20),
    "epoll_pwait": (281, 22),
    "eventfd2": (290, 19),
    "pipe2": (293, 59),
    "clock_gettime": (228, 113),
    "getrandom": (318, 278),
    "prctl": (157, 167),
    "prlimit64": (302, 261),
    "setresuid": (117, 147),
    "kill": (62, 129),
    "rseq": (334, 293),
    "statx": (332, 291),
}


def run(program: bytes, number: int, audit: int, *arguments: int) -> int:
    """Return a filter's answer to a call, as the kernel computes it from `struct seccomp_data`."""
    words = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, audit, 0, *words)
    instructions = list(struct.iter_unpack("=HBBI", program))
    accumulator = 0
    place = 0
    for _ in range(len(instructions)):  # a filter has no loops
        code, if_true, if_false, value = instructions[place]
        place += 1
        if code == 0x20:
            assert value % 4 == 0, "the kernel takes aligned words alone"
            (accumulator,) = struct.unpack_from("=I", data, value)
        elif code == 0x06:
            return int(value)
        else:
            is_true = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[code]
            place += if_true if is_true else if_false
    raise AssertionError("the filter ends without an answer")


def answer(name: Name, number: int, *arguments: int) -> int:
    return run(filter_of(MACHINES[name]), number, AUDIT[name], *arguments)


def number_of(numbers: tuple[int, int], name: Name) -> int:
    return numbers[MACHINE_NAMES.index(name)]


@pytest.mark.parametrize("name", MACHINE_NAMES)
def test_calls_are_denied_and_allowed_by_their_own_numbers(name: Name) -> None:
    for call, numbers in DENIED.items():
        assert answer(name, number_of(numbers, name)) == ERRNO | errno.EPERM, call
    for call, numbers in ALLOWED.items():
        assert answer(name, number_of(numbers, name)) == ALLOW, call


@pytest.mark.parametrize("name", MACHINE_NAMES)
def test_arguments_of_calls_are_checked(name: Name) -> None:
    for numbers in ((41, 198), (53, 199)):  # socket and socketpair
        number = number_of(numbers, name)
        assert answer(name, number, AF_UNIX) == ALLOW
        for family in (0, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_VSOCK, 1 << 31):
            assert answer(name, number, family) == ERRNO | errno.EAFNOSUPPORT, family
    clone = number_of((56, 220), name)
    assert answer(name, clone, CLONE_THREAD) == ALLOW
    for bit in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer(name, clone, CLONE_THREAD | bit) == ERRNO | errno.EPERM, hex(bit)
    ioctl = number_of((16, 29), name)
    assert answer(name, ioctl, 0, TCGETS) == ALLOW
    for request in (TIOCSTI, TIOCLINUX, TIOCSTI | 5 << 32):  # the kernel reads the low half
        assert answer(name, ioctl, 0, request) == ERRNO | errno.EPERM
    assert answer(name, 435) == ERRNO | errno.ENOSYS, "clone3 hides its flags behind a pointer"


@pytest.mark.parametrize("name", MACHINE_NAMES)
def test_new_calls_and_other_machines_are_refused(name: Name) -> None:
    for number in (463, 500, 999, 0x3FFFFFFF):
        assert answer(name, number) == ERRNO | errno.ENOSYS, number
    for number in (0x40000000, 0x40000000 + 59, 0xFFFFFFFF):  # the x32 ABI, and negative numbers
        assert answer(name, number) == KILL
    program = filter_of(MACHINES[name])
    others = {0x40000003, 0x40000028, *AUDIT.values()} - {AUDIT[name]}  # 32-bit x86 and ARM, and the other one
    assert {run(program, 0, audit) for audit in others} == {KILL}


@pytest.mark.parametrize("machine", [X86_64, AARCH64])
def test_every_number_has_an_answer(machine: Machine) -> None:
    program = filter_of(machine)
    assert len(program) // 8 < 4096
    checked = {machine.socket, machine.socketpair}
    for number in range(463):
        expected = ERRNO | errno.EPERM if number in machine.denied else ALLOW
        expected = ERRNO | errno.ENOSYS if number == 435 else expected
        expected = ERRNO | errno.EAFNOSUPPORT if number in checked else expected
        assert run(program, number, machine.audit) == expected, number
