"""What the process has taken of the machine's memory and needs no more, given back.

The idea: C's allocator keeps what was freed in pools of its own, one for nearly every thread that ever asked, and what
thirty threads let go of in a busy hour lies in sixteen pools in pieces. Two pools fill each other's gaps, and once a
minute the pages in which nothing is left go back to the system. Only glibc has these words; elsewhere nothing is done.
"""

import ctypes

POOLS = 2
_ARENA_MAX = -8  # glibc's malloc.h: M_ARENA_MAX


def keep_few_pools() -> None:
    """To be said before threads are begun: later threads have their pools already."""
    if said := _word("mallopt"):
        said(_ARENA_MAX, POOLS)


def give_back() -> None:
    """Hand free pages to the system. Takes some milliseconds, during which others may go on."""
    if said := _word("malloc_trim"):
        said(ctypes.c_size_t(0))


def _word(name: str) -> "ctypes._NamedFuncPointer | None":
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):  # a system without a shared library of C
        return None
