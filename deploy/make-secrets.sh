#!/bin/sh
# Makes the secrets that the services share, each once: random, kept in a volume that only they see.
set -eu
cd "${1:-/run/upbench}"

# secret FILE: what is there stays.
secret() {
    [ -s "$1" ] || { head -c 30 /dev/urandom | base64 | tr '+/' '-_' >".$1.new" && mv ".$1.new" "$1"; }
}

umask 022
secret postgres-password
secret s3-key
secret s3-secret
[ -s s3.json ] || {
    printf '{"identities": [{"name": "upbench", "credentials": [{"accessKey": "%s", "secretKey": "%s"}], ' \
        "$(cat s3-key)" "$(cat s3-secret)"
    printf '"actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}\n'
} >.s3.json.new
[ -s s3.json ] || mv .s3.json.new s3.json
rm -f .s3.json.new
