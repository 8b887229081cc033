#!/bin/sh
# Make sure that a Docker engine answers: an engine that runs is taken as it is; otherwise Debian's docker.io is
# installed and started, and what was started is noted so that stop-docker.sh stops only that. Exit code 3: none.
set -eu
here=$(dirname "$0")
. "$here/common.sh"
state=${UPBENCH_SYSTEM_STATE:-${XDG_RUNTIME_DIR:-/tmp}/upbench-system-$(id -u)}

answers() { command -v docker >/dev/null && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

answers && exit 0
if [ "${SYSTEM:-yes}" = no ]; then
    say "SYSTEM=no: no Docker engine answers, and none is installed or started (docker sandboxes will be skipped)"
    exit 3
fi
command -v dockerd >/dev/null && command -v docker >/dev/null ||
    install_packages "sandboxes by Docker" docker.io
answers && exit 0

mkdir -p "$state"
chmod 700 "$state"
if [ -d /run/systemd/system ]; then
    say "starting the Docker engine (systemctl start docker)"
    as_root systemctl start docker
    echo systemd >"$state/docker"
else
    say "starting the Docker engine (dockerd; its log: $state/dockerd.log)"
    pidfile=$state/dockerd.pid
    # Its socket is for this user's group; $DOCKERD_FLAGS adds options.
    as_root sh -c "rm -f '$pidfile'; nohup setsid dockerd --group '$(id -gn)' --pidfile '$pidfile' ${DOCKERD_FLAGS:-} \
        >'$state/dockerd.log' 2>&1 </dev/null &"
    echo dockerd >"$state/docker"
fi
tries=0
until answers; do
    tries=$((tries + 1))
    if [ "$tries" -gt 60 ]; then
        say "the Docker engine does not answer (as this user); its log: $state/dockerd.log or journalctl -u docker"
        "$here/stop-docker.sh" || true
        exit 3
    fi
    sleep 0.5
done
