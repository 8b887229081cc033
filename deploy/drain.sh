#!/bin/sh
# Ask the worker of this host to take nothing new and to finish what it has.
set -eu
upbench worker list --json |
    python -c 'import json, sys; print(*(one["id"] for one in json.load(sys.stdin) if one["host"] == sys.argv[1]))' \
        "$(hostname)" |
    xargs -r -n 1 upbench worker drain
