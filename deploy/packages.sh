# Debian packages and where they come from: sourced by deploy/local, deploy/image and tests.

# Runs a command as root, through sudo when needed.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        echo "weir: root rights are needed to install packages; run as root or install sudo" >&2
        return 1
    fi
}

# Installs those of the named packages that are missing.
need_packages() {
    missing=
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing="$missing $package"
    done
    [ -z "$missing" ] && return 0
    echo "installing:$missing" >&2
    as_root apt-get update -qq >&2 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
}

# Where this machine's apt has a suite from, else the second word.
debian_mirror() {
    found=$(apt-get indextargets --format '$(RELEASE) $(SITE)' 'Identifier: Packages' 2>/dev/null |
        awk -v suite="$1" '$1 == suite && $2 ~ /^https?:/ { print $2; exit }')
    echo "${found:-$2}"
}

build_packages="gcc libc6-dev cmake ninja-build pkg-config libevent-dev libcurl4-openssl-dev libcjson-dev"
