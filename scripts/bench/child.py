"""Run a command and print its wall time, CPU time and largest memory as JSON. Standard library only.

A process of its own, because on Linux the largest memory of a child is not less than that of the process it was forked
from: measured from a benchmark with JAX in memory, every command would seem to need half a gigabyte.
"""

import json
import os
import sys
import time

begin = time.perf_counter()
child = os.fork()
if child == 0:
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
unit = 1 if sys.platform == "darwin" else 1024
print(
    json.dumps(
        {
            "wall": time.perf_counter() - begin,
            "cpu": usage.ru_utime + usage.ru_stime,
            "rss_mb": usage.ru_maxrss * unit / 1e6,
            "code": os.waitstatus_to_exitcode(status),
        }
    )
)
