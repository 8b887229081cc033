#!/bin/sh
# Make sure that gVisor's runsc is there, for an engine that ensure-docker.sh is about to start, and print that
# engine's settings. An engine that runs already is never changed. Exit code 3: it is not there.
set -eu
. "$(dirname "$0")/common.sh"

if ! command -v runsc >/dev/null; then
    known() { apt-cache show runsc >/dev/null 2>&1; }
    # A new machine may have no lists of packages yet.
    [ "${SYSTEM:-yes}" = no ] || known || as_root apt-get update -q >&2 || true
    if [ "${SYSTEM:-yes}" != no ] && ! known; then
        say "there is no package runsc here (docker sandboxes under gVisor will be skipped)"
        exit 3
    fi
    install_packages "docker sandboxes under gVisor" runsc || exit 3
fi
# The sandbox never has a network of its own; a socket that is shown to it is its only way out.
sockets=--host-uds=all
runsc flags 2>&1 | grep -q -e ' -host-uds' || sockets=--fsgofer-host-uds
printf '{"runtimes": {"runsc": {"path": "%s", "runtimeArgs": ["--platform=ptrace", "--network=none", "%s"]}}}\n' \
    "$(command -v runsc)" "$sockets"
