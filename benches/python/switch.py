"""Two green threads that let each other run, and perhaps busy OS threads of Python's beside them.

switch.py LIBRARY SECONDS BUSY: prints one line of JSON, nanoseconds for each switch.
"""

import _thread
import json
import sys
import time

from aside import spin
from libraries import Library

BATCH = 100

library = Library(sys.argv[1])
sleep = library.sleep
end = time.perf_counter() + float(sys.argv[2])
turns = [0, 0]


def take_turns(number):
    while time.perf_counter() < end:
        for _ in range(BATCH):
            sleep(0)
        turns[number] += BATCH
        if abs(turns[0] - turns[1]) > BATCH:
            sys.exit("sleep(0) did not switch")


for _ in range(int(sys.argv[3])):
    _thread.start_new_thread(spin, ())
begin = time.perf_counter()
threads = [library.spawn(take_turns, number) for number in range(2)]
for thread in threads:
    library.result(thread)
elapsed = time.perf_counter() - begin
if abs(turns[0] - turns[1]) > BATCH:
    sys.exit("sleep(0) did not switch")
print(json.dumps({"ns": elapsed * 1e9 / sum(turns), "switches": sum(turns)}))
