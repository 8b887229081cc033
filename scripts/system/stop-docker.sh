#!/bin/sh
# Stop the Docker engine that ensure-docker.sh started; an engine that ran before is left alone.
set -eu
. "$(dirname "$0")/common.sh"
state=${UPBENCH_SYSTEM_STATE:-${XDG_RUNTIME_DIR:-/tmp}/upbench-system-$(id -u)}
[ -f "$state/docker" ] || exit 0
how=$(cat "$state/docker")
rm -f "$state/docker"
if [ "$how" = systemd ]; then
    say "stopping the Docker engine that was started here"
    as_root systemctl stop docker docker.socket
    if [ -e /run/systemd/system/docker.service.d/upbench.conf ]; then
        as_root rm -f /run/systemd/system/docker.service.d/upbench.conf
        as_root systemctl daemon-reload
    fi
    exit 0
fi
pid=$(cat "$state/dockerd.pid" 2>/dev/null || true)
[ -n "$pid" ] || exit 0
# A pid may have been given to another program since.
[ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || exit 0
say "stopping the Docker engine that was started here (process $pid)"
as_root kill "$pid"
tries=0
while [ -d "/proc/$pid" ] && [ "$tries" -lt 60 ]; do
    tries=$((tries + 1))
    sleep 0.5
done
