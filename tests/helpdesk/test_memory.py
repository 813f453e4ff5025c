"""What is freed goes back to the system, many threads do not mean many pools, and a sum takes one of them."""

import json
import os
import platform
import subprocess
import sys

import pytest

WORK = """
import ctypes, json, re, threading
from helpdesk.runtime import memory

def pools():
    told, size, libc = ctypes.c_char_p(), ctypes.c_size_t(), ctypes.CDLL(None)
    libc.open_memstream.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(told), ctypes.byref(size)))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    return len(re.findall(b"<heap ", told.value))

def taken():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

if {few}:
    memory.keep_few_pools()
gate, held = threading.Barrier(8), []
def fill():
    gate.wait()
    held.extend(bytearray(3000) for _ in range(2000))
    gate.wait()
threads = [threading.Thread(target=fill) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
full = taken()
held[:] = held[::500]  # what stays lies between what goes
freed = taken()
memory.give_back()
print(json.dumps([pools(), full - freed, full - taken()]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has pools and can be told to give back")
def test_what_is_freed_goes_back_and_threads_share_a_pool() -> None:
    told = {}
    for few in (True, False):
        ran = subprocess.run([sys.executable, "-c", WORK.replace("{few}", str(few))], capture_output=True, check=True)
        told[few] = json.loads(ran.stdout)
    pools, by_itself, given_back = told[True]
    assert pools <= 2 < told[False][0]
    assert by_itself < 20e6 < 30e6 < given_back  # of the 48 MB that were freed


THREADS = """
import json
import helpdesk.__main__
import numpy, scipy.linalg, sklearn.svm
from threadpoolctl import threadpool_info
print(json.dumps({each["filepath"]: each["num_threads"] for each in threadpool_info()}))
"""


def test_linear_algebra_takes_one_core_unless_whoever_starts_the_desk_says_otherwise() -> None:
    plain = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    for asked, expected in ({}, {1}), ({"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}, {2}):
        ran = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, check=True, env=plain | asked)
        assert set(json.loads(ran.stdout).values()) == expected
