#!/bin/sh
# Make sure that Debian's Chromium is there: tests grade in it as reviewers do. Exit code 3: it is not.
set -eu
. "$(dirname "$0")/common.sh"

command -v "${CHROMIUM:-chromium}" >/dev/null && exit 0
install_packages "tests of the review app in a browser" chromium
