# Shared by the scripts beside it: what is said before anything is installed, and how to become root.
# SYSTEM=no installs nothing system-wide; each script then says what cannot run.

say() { printf '%s\n' "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# install_packages WHY PACKAGE...: install Debian packages, said first; exit code 3 under SYSTEM=no.
install_packages() {
    why=$1
    shift
    if [ "${SYSTEM:-yes}" = no ]; then
        say "SYSTEM=no: not installing $* ($why will be skipped)"
        return 3
    fi
    if ! command -v apt-get >/dev/null; then
        say "cannot install $* here: there is no apt-get; please install them yourself ($why)"
        return 3
    fi
    say "installing system packages: $* ($why)"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2 ||
        { as_root apt-get update -q >&2 &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2; }
}
