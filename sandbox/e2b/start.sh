#!/bin/bash
# Runs as root in the cloud machine: closes a small world off from it, and starts the supervisor in there.
#
# The agent's processes live in namespaces of their own (mount, pid, ipc, uts and, with no network at all, net), so that
# the machine's agent, its sockets, block devices and other users are out of their sight, and so that they all end with
# the first process of the pid namespace, which ends with this program. Nothing in there can become root again
# (no new privileges, empty bounding set), whatever sudo rights the template gives its user.
#
#   start.sh outside HERE TOOLBOX PYTHON SHOWN NETWORK BYTES FILES LIMITS NAME=VALUE... -- ARGUMENTS OF PYTHON
#
# HERE and TOOLBOX are folders, PYTHON a version, SHOWN names what is shown read-only, NETWORK is none or another
# word, BYTES and FILES are what /job may grow to (and /tmp to BYTES), LIMITS options of prlimit. Exit codes that the
# harness knows: 91 there is no toolbox, 94 nothing of the name SHOWN, 96 /job has outgrown its bounds. (90: there is
# no start.sh.)
set -eu
umask 022
phase=$1 here=$2 toolbox=$3 python=$4 shown=$5 network=$6 bytes=$7 files=$8 limits=$9
store=/var/lib/upbench

outside() {
    for name in awk du mount prlimit python3 setpriv unshare; do
        command -v "$name" >/dev/null || { echo "the template has no $name" >&2; exit 93; }
    done
    found=$(python3 -I -S -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ "$found" = "$python" ] || { echo "the template has Python $found, the toolbox is for $python" >&2; exit 92; }
    mkdir -p "$store"
    chmod 700 "$store"
    [ -e "$here/inside.pyc" ] || python3 -I -S -m compileall -q -b -o 2 "$here"
    [ -d "$toolbox" ] || exit 91
    [ "$shown" != none ] || mkdir -p "$store/shown/none/inputs"
    [ -d "$store/shown/$shown" ] || exit 94
    kinds="--mount --pid --ipc --uts"
    [ "$network" = none ] && kinds="$kinds --net"
    shift
    # Both end with this process, however it ends. The watch is not inside: the supervisor takes every process that it
    # cannot kill for a survivor of a command.
    setpriv --pdeathsig KILL bash "$here/start.sh" watch "$@" &
    setpriv --pdeathsig KILL unshare $kinds --fork --kill-child=KILL bash "$here/start.sh" inside "$@" <&0 &
    set +e
    wait -n
    exit $?
}

# A real folder of the agent's, whatever the agent has put in its place.
folder() {
    if [ -L "$1" ] || [ ! -d "$1" ]; then
        rm -rf -- "$1"
        mkdir -- "$1"
        chown 1000:1000 "$1"
    fi
}

# show SOURCE TARGET: read-only.
show() {
    mount --bind "$1" "$2"
    mount -o remount,bind,ro,nosuid,nodev "$2"
}

devices() {
    new=$store/dev
    mkdir -p "$new"
    mount -t tmpfs -o mode=755,nosuid,size=64k none "$new"
    mkdir "$new/pts" "$new/shm"
    for name in null zero full random urandom tty; do
        : >"$new/$name"
        mount --bind "/dev/$name" "$new/$name"
    done
    mount -t devpts -o newinstance,ptmxmode=666,mode=620 none "$new/pts"
    ln -s pts/ptmx "$new/ptmx"
    ln -s /proc/self/fd "$new/fd"
    for pair in 0:stdin 1:stdout 2:stderr; do
        ln -s "/proc/self/fd/${pair%%:*}" "$new/${pair#*:}"
    done
    mount -t tmpfs -o "mode=1777,nosuid,nodev,size=$scratch" none "$new/shm"
    mount -o remount,bind,ro "$new"
    mount --rbind "$new" /dev
}

users() {
    awk -F: '$3 != 1000 && $1 != "agent"' /etc/passwd >"$store/passwd"
    echo "agent:x:1000:1000:agent:/tmp:/bin/bash" >>"$store/passwd"
    awk -F: '$3 != 1000 && $1 != "agent"' /etc/group >"$store/group"
    echo "agent:x:1000:" >>"$store/group"
    for name in passwd group; do
        show "$store/$name" "/etc/$name"
    done
}

# Ends when the workspace has outgrown its bounds; costs a twentieth of a core at most.
watch() {
    pause=2
    while sleep "$pause"; do
        begun=$SECONDS
        used=$(du -sx --block-size=1 --exclude=/job/inputs /job 2>/dev/null | cut -f1)
        held=$(du -sx --inodes --exclude=/job/inputs /job 2>/dev/null | cut -f1)
        if [ "${used:-0}" -gt "$bytes" ] || [ "${held:-0}" -gt "$files" ]; then
            echo "the workspace has outgrown $bytes bytes, or $files files and folders" >&2
            exit 96
        fi
        pause=$((2 + 20 * (SECONDS - begun)))
    done
}

inside() {
    # /tmp lies in memory.
    scratch=$(($(awk '/^MemTotal:/ { print $2 }' /proc/meminfo) * 512))
    if [ "$bytes" -lt "$scratch" ]; then
        scratch=$bytes
    fi
    mount -t proc -o nosuid,nodev,noexec proc /proc
    mkdir -p /job
    chown 1000:1000 /job
    folder /job/deliverables
    folder /job/inputs
    mount --bind /job /job
    mount -o remount,bind,nosuid,nodev /job
    show "$store/shown/$shown/inputs" /job/inputs
    for at in "$store/shown/$shown/mounts"/*; do
        [ -e "$at/target" ] || continue
        target=$(cat "$at/target")
        if [ -d "$at/source" ]; then
            mkdir -p "$target"
        else
            mkdir -p "$(dirname "$target")"
            [ -e "$target" ] || : >"$target"
        fi
        show "$at/source" "$target"
    done
    mkdir -p /opt/upbench /opt/toolbox
    show "$here" /opt/upbench
    show "$toolbox" /opt/toolbox
    users
    devices
    names=$(cat /etc/resolv.conf 2>/dev/null || true)
    for path in /tmp /run; do
        mount -t tmpfs -o "mode=1777,nosuid,nodev,size=$scratch" none "$path"
    done
    at=$(readlink -m /etc/resolv.conf)
    case $at in /run/*) mkdir -p "$(dirname "$at")" && echo "$names" >"$at" ;; esac
    chmod 755 /run
    mount --bind /tmp /var/tmp
    mount -t tmpfs -o ro none /sys 2>/dev/null || true
    mount -o remount,bind,ro /
    python3 -I -S -c 'import fcntl, socket, struct, sys
socket.sethostname("sandbox")
if sys.argv[1] == "none":  # the loopback is there, and down
    fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 0x41))' "$network"
    cd /job
    variables=()
    while [ "$1" != -- ]; do
        variables+=("$1")
        shift
    done
    shift
    # This shell stays as the first process: it belongs to root, so nothing in here can end or trace it. When it ends,
    # so does all the rest.
    set +e
    env -i "${variables[@]}" prlimit $limits -- setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all \
        --ambient-caps=-all --bounding-set=-all --no-new-privs \
        python3 "$@"
    exit $?
}

case $phase in
outside) outside "$@" ;;
inside) shift 9 && inside "$@" ;;
watch) watch ;;
esac
