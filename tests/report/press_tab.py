"""Types lines into an interactive bash, each with a tab at its end, and prints what the terminal shows of each."""

import json
import os
import pty
import select
import sys
import time

child, terminal = pty.fork()
if child == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])


def read_until(done, seconds):
    seen, end = "", time.monotonic() + seconds
    while time.monotonic() < end and not done(seen):
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 65536).decode(errors="replace")
    return seen


def type_in(text):
    os.write(terminal, text.encode())


type_in("bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; PS1='$ '; source <(builder completion bash); echo rea''dy\n")
assert "\nready" in read_until(lambda seen: "\nready" in seen, 20), "bash does not answer"
shown = []
for line, wanted in json.loads(sys.argv[1]):
    read_until(lambda seen: False, 0.3)
    type_in(line)
    seen = read_until(lambda seen: wanted in seen, 10)
    shown.append(wanted in seen or seen)
    # The line is thrown away.
    type_in("\x15\n")
type_in("exit\n")
os.waitpid(child, 0)
print(json.dumps(shown))
