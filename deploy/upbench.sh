#!/bin/sh
# `upbench` for `docker compose exec` as well: with the secrets that came as files.
exec /opt/deploy/entrypoint.sh /opt/upbench/bin/upbench "$@"
