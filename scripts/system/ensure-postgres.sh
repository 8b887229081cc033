#!/bin/sh
# Make sure that PostgreSQL's server programs are there: tests start servers of their own with them (as the user
# postgres where they run as root). Exit code 3: they are not.
set -eu
. "$(dirname "$0")/common.sh"
there() {
    for program in initdb postgres; do
        command -v "$program" >/dev/null || ls /usr/lib/postgresql/*/bin/"$program" >/dev/null 2>&1 || return 1
    done
}
there && exit 0
# Debian's package would start a server of its own, which nobody needs here.
if [ "${SYSTEM:-yes}" != no ] && command -v apt-get >/dev/null && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    as_root mkdir -p /etc/postgresql-common
    printf 'create_main_cluster = false\n' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
install_packages "tests of many workers on PostgreSQL" postgresql
