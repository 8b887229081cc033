#!/bin/sh
# Make sure that compose.yaml can be started in tests: docker-compose, an image that holds all that UpBench's own is
# built on (what is slow of it), and PostgreSQL as an image. Exit code 3: they are not there.
set -eu
here=$(dirname "$0")
. "$here/common.sh"
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}

timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || {
    say "no Docker engine answers: compose.yaml is not tested"
    exit 3
}
command -v docker-compose >/dev/null || install_packages "tests of compose.yaml" docker-compose

have() { docker image inspect "$1" >/dev/null 2>&1; }

# The classic builder: every engine has it. It may use the network as this machine does.
build() { DOCKER_BUILDKIT=0 docker build --quiet --network host "$@" >&2; }

# Of the Dockerfile what comes before our own code.
digest=$({ sed '/^FROM packages/q' "$root/deploy/Dockerfile" &&
    cat "$root/deploy/build.lock" "$root/requirements/runtime.lock"; } | sha256sum)
packages=upbench-test-packages:$(printf %s "$digest" | cut -c1-16)
postgres=upbench-test-postgres:$(cat "$root"/tests/deploy/postgres/* | sha256sum | cut -c1-16)
base=${BASE:-debian:bookworm-slim}
have "$base" || base=upbench-base:bookworm-2
if ! have "$packages" || ! have "$postgres"; then
    have "$base" || {
        say "neither debian:bookworm-slim nor $base is there; ensure-image.sh makes one of them"
        exit 3
    }
fi
if ! have "$packages"; then
    say "building $packages on $base"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    mkdir -p "$folder/requirements" "$folder/deploy/wheels"
    cp "$root/requirements/runtime.lock" "$folder/requirements/"
    cp "$root/deploy/Dockerfile" "$root/deploy/build.lock" "$root/deploy/wheels/README.md" "$folder/deploy/"
    # Debian 12 has Python 3.11; with the same one here, the packages come from where this machine has them from.
    if "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
        for lock in deploy/build.lock requirements/runtime.lock; do
            "$python" -m pip download --quiet --only-binary :all: --require-hashes -r "$folder/$lock" \
                -d "$folder/deploy/wheels" 2>"$folder/said" || { cat "$folder/said" >&2 && exit 3; }
        done
    fi
    build --build-arg "BASE=$base" --target packages -f "$folder/deploy/Dockerfile" -t "$packages" "$folder"
fi
if ! have "$postgres"; then
    say "building $postgres on $base"
    build --build-arg "BASE=$base" -t "$postgres" "$root/tests/deploy/postgres"
fi
printf '%s %s\n' "$packages" "$postgres"
