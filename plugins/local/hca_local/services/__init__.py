"""Services of plugins, run beside ours: each in a process of its own, at a port of its own.

So whatever one of them does, hangs, ends or crashes, ours go on.
"""
