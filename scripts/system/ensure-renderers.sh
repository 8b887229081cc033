#!/bin/sh
# Make sure that what turns office files and web pages into pictures, and tells of sound and film, is there. Without
# it deliverables are shown as text and facts alone. Exit code 3: something is missing.
set -eu
. "$(dirname "$0")/common.sh"
why="page images of office files and web pages, facts and pictures of sound and film"

missing=no
for program in soffice ffprobe ffmpeg chromium; do
    command -v "$program" >/dev/null || missing=yes
done
[ "$missing" = no ] && exit 0
install_packages "$why" libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui ffmpeg chromium \
    fonts-liberation fonts-dejavu-core fonts-crosextra-carlito fonts-crosextra-caladea
