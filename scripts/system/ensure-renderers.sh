#!/bin/sh
# Make sure that what turns office files into pages, and tells of sound and film, is there. Without it deliverables
# are shown as text and facts alone. Exit code 3: something is missing.
set -eu
. "$(dirname "$0")/common.sh"
why="page images of office files, and facts of sound and film"

command -v soffice >/dev/null && command -v ffprobe >/dev/null && exit 0
install_packages "$why" libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui ffmpeg \
    fonts-liberation fonts-dejavu-core fonts-crosextra-carlito fonts-crosextra-caladea
