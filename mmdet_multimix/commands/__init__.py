"""The command line, one command a file. ``tools/`` and the console commands call them.

This file imports none of them, so that none waits for what another one needs.
"""
