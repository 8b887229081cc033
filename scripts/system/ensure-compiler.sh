#!/bin/sh
# Make sure that a C compiler and the kernel's headers are there: some tests make system calls that only C can make.
# Exit code 3: they are not.
set -eu
. "$(dirname "$0")/common.sh"
command -v gcc >/dev/null && [ -e /usr/include/asm-generic/unistd.h ] && exit 0
install_packages "tests of the filter of system calls" gcc libc6-dev
