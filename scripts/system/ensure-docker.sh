#!/bin/sh
# Make sure that a Docker engine answers: an engine that runs is taken as it is; otherwise Debian's docker.io is
# installed and started, with gVisor's runsc as a second runtime where that can be had, and what was started is noted
# so that stop-docker.sh stops only that. Exit code 3: none.
set -eu
here=$(dirname "$0")
. "$here/common.sh"
state=${UPBENCH_SYSTEM_STATE:-${XDG_RUNTIME_DIR:-/tmp}/upbench-system-$(id -u)}
settings=${DOCKER_SETTINGS:-/etc/docker/daemon.json}

answers() { command -v docker >/dev/null && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

answers && exit 0
if [ "${SYSTEM:-yes}" = no ]; then
    say "SYSTEM=no: no Docker engine answers, and none is installed or started (docker sandboxes will be skipped)"
    exit 3
fi
installed=no
if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
    install_packages "sandboxes by Docker" docker.io
    installed=yes # where there is systemd, the package has started its engine
fi
[ "$installed" = no ] && answers && exit 0

mkdir -p "$state"
chmod 700 "$state"
# Settings that somebody has made for the engine are left as they are; without any, ours know gVisor.
options=
if [ -e "$settings" ]; then
    say "the Docker engine is started with $settings (docker sandboxes under gVisor need a runtime runsc there)"
elif "$here/ensure-runsc.sh" >"$state/daemon.json"; then
    options="--config-file=$state/daemon.json"
fi
if [ -d "${SYSTEMD:-/run/systemd/system}" ]; then
    say "starting the Docker engine (systemctl restart docker)"
    if [ -n "$options" ]; then
        # Only until it is stopped or the machine starts anew: nothing below /etc is written.
        as_root mkdir -p /run/systemd/system/docker.service.d
        printf '[Service]\nEnvironment="DOCKER_OPTS=%s"\n' "$options" |
            as_root tee /run/systemd/system/docker.service.d/upbench.conf >/dev/null
        as_root systemctl daemon-reload
    fi
    echo systemd >"$state/docker"
    as_root systemctl restart docker
else
    say "starting the Docker engine (dockerd; its log: $state/dockerd.log)"
    pidfile=$state/dockerd.pid
    # Its socket is for this user's group; $DOCKERD_FLAGS adds options.
    as_root sh -c "rm -f '$pidfile'; nohup setsid dockerd --group '$(id -gn)' --pidfile '$pidfile' $options \
        ${DOCKERD_FLAGS:-} >'$state/dockerd.log' 2>&1 </dev/null &"
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
