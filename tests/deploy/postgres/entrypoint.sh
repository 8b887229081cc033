#!/bin/sh
# Makes the cluster when it is started for the first time, then runs the command with it.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --no-sync --no-instructions -E UTF8 --locale C.UTF-8 -U "$POSTGRES_USER" --pwfile "$POSTGRES_PASSWORD_FILE" \
        --auth-local trust --auth-host scram-sha-256 -D "$PGDATA"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    echo "create database $POSTGRES_DB;" | postgres --single -D "$PGDATA" postgres
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
fi
exec "$@"
