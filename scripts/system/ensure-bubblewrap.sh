#!/bin/sh
# Make sure that bubblewrap, the sandbox that needs no daemon, is there. Exit code 3: it is not.
set -eu
. "$(dirname "$0")/common.sh"
command -v bwrap >/dev/null && exit 0
install_packages "sandboxes by bubblewrap" bubblewrap
