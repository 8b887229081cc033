#!/usr/bin/env bash
# Makes the virtual environment .venv with the locked packages and this project in it. Says first what it will do;
# does nothing when the locks have not changed since.
# Usage: setup.sh runtime|dev
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-runtime}
lock=requirements/dev.lock # the build tools of the editable install are in it, so there is one environment for all
python=${PYTHON:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "UpBench needs Python 3.11 or newer as '$python' (set PYTHON=/path/to/python3.11)" >&2
  exit 3
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  echo "Python's venv module is missing; to mend it: apt-get install python3-venv" >&2
  exit 3
fi

want="$(cat "$lock" pyproject.toml | sha256sum | cut -d' ' -f1) $("$python" -c 'import sys; print(sys.version)' | head -n 1)"
stamp=.venv/.upbench-setup
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
  exit 0
fi

echo "setup ($kind): making .venv with the packages of $lock (about 130, 400 MB; nothing outside this folder)"
[ -x .venv/bin/python ] || "$python" -m venv .venv
pip() { .venv/bin/python -m pip --disable-pip-version-check --quiet "$@"; }
pip install --require-hashes -r "$lock"
pip install --no-deps --no-build-isolation -e .
printf '%s' "$want" > "$stamp"
