"""Runs the Python blocks of a page in one namespace: each line of stdin names an environment, a block, its output."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback


def main() -> None:
    namespace: dict[str, object] = {"__name__": "__main__"}
    for line in iter(sys.stdin.readline, ""):
        folder, environment, block, output = line.rstrip("\n").split("\t")
        os.chdir(folder)
        with open(environment, "rb") as stream:
            pairs = [pair.partition(b"=")[::2] for pair in stream.read().split(b"\0") if pair]
        os.environb.clear()
        os.environb.update(dict(pairs))
        sys.path[0] = folder
        answer = "done"
        with open(output, "w", encoding="utf-8") as written, contextlib.redirect_stdout(written):
            try:
                with open(block, encoding="utf-8") as stream:
                    exec(compile(stream.read(), block, "exec"), namespace)
            except BaseException:
                traceback.print_exc()
                answer = "failed"
        print(answer, flush=True)


main()
