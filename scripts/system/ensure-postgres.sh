#!/bin/sh
# Make sure that PostgreSQL's server programs are there: tests start servers of their own with them (as the user
# postgres where they run as root). Exit code 3: they are not.
set -eu
. "$(dirname "$0")/common.sh"
debian=${POSTGRES_PROGRAMS:-/usr/lib/postgresql}

there() {
    command -v "$1" >/dev/null && return
    for program in "$debian"/*/bin/"$1"; do
        [ -x "$program" ] && return
    done
    return 1
}

there initdb && there postgres && exit 0
why="tests of many workers on PostgreSQL"
install_packages "$why" postgresql-common
# Debian's package would make and start a server of its own, which nobody needs here.
settings=/etc/postgresql-common/createcluster.conf
[ ! -e "$settings" ] || as_root sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' "$settings"
install_packages "$why" postgresql
