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
wrong = []


def take_turns(number):
    while time.perf_counter() < end:
        for _ in range(BATCH):
            turns[number] += 1
            if abs(turns[0] - turns[1]) > 1:
                wrong.append(number)
            sleep(0)


for _ in range(int(sys.argv[3])):
    _thread.start_new_thread(spin, ())
begin = time.perf_counter()
threads = [library.spawn(take_turns, number) for number in range(2)]
for thread in threads:
    library.result(thread)
elapsed = time.perf_counter() - begin
# The last turns of one of them it has for itself.
if len(wrong) > BATCH:
    sys.exit("sleep(0) did not switch")
print(json.dumps({"ns": elapsed * 1e9 / sum(turns), "switches": sum(turns)}))
