#!/usr/bin/env bash
# Lets pytest keep what it makes of the tests before any is run: else each of its workers makes it for itself.
# Does nothing when no test has changed since.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.pytest_cache/warm
mkdir -p .pytest_cache
if [ -f "$stamp" ] && [ -z "$(find tests -name '*.py' -newer "$stamp" -print -quit)" ]; then
  exit 0
fi
workers=$(nproc)
each=$(($(find tests -name 'test_*.py' | wc -l) / workers + 1))
# What cannot be collected is said by those that run it.
find tests -name 'test_*.py' -print0 | sort -z |
  xargs -0 -n "$each" -P "$workers" .venv/bin/pytest --collect-only -q -p no:cacheprovider >/dev/null 2>&1 || true
touch "$stamp"
