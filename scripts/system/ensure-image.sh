#!/bin/sh
# ensure-image.sh [renderers]: make sure that the sandbox image of this toolbox and supervisor is there, or the image
# that renders files. The base is $BASE, else debian:bookworm-slim where it can be pulled, else one made with
# mmdebstrap. Exit code 3: it cannot be made.
set -eu
here=$(dirname "$0")
. "$here/common.sh"
python=${PYTHON:-$here/../../.venv/bin/python}
made=upbench-base:bookworm-2
packages=busybox,ca-certificates,fonts-dejavu-core,fonts-liberation,procps,python3
flags=
if [ "${1:-}" = renderers ]; then
    flags=--renderers
    made=upbench-base:renderers-1
    packages=$packages,chromium,ffmpeg,fonts-crosextra-caladea,fonts-crosextra-carlito,libreoffice-calc-nogui
    packages=$packages,libreoffice-draw-nogui,libreoffice-impress-nogui,libreoffice-writer-nogui
fi

have() { docker image inspect "$1" >/dev/null 2>&1; }

timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || {
    say "no Docker engine answers: the sandbox image is not made"
    exit 3
}
tag=$("$python" -m upbench toolbox image $flags --tag)
have "$tag" && exit 0

base=${BASE:-debian:bookworm-slim}
if ! have "$base" && ! have "$made"; then
    say "pulling $base"
    timeout "${PULL_SECONDS:-60}" docker pull -q "$base" >&2 || {
        say "$base cannot be pulled: making $made with mmdebstrap"
        command -v mmdebstrap >/dev/null || install_packages "the sandbox image" mmdebstrap
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
        become=as_root
        [ "${SYSTEM:-yes}" = no ] && become=
        $become mmdebstrap --quiet --variant=minbase --include="$packages" bookworm "$folder/base.tar" >&2
        docker import "$folder/base.tar" "$made" >&2
    }
fi
have "$base" || base=$made
"$python" -m upbench toolbox image $flags --base "$base" >&2
