# A fresh Debian 12 machine under $root with weir's package in it: sourced by tests/system/package and
# tests/system/systemd. The test runs again in namespaces of its own, so that every mount and every
# process ends with it; the root file system is in memory.

build=$1 failures=0 root=
. deploy/packages.sh
. tests/system/base.sh

skip() {
    echo "skipped: $*"
    exit 0
}

# Counts one check: what holds, and the command that must succeed.
check() {
    local what=$1
    shift
    if "$@" >"$notes" 2>&1; then
        echo "ok    $what"
    else
        failures=$((failures + 1))
        echo "FAIL  $what"
        sed 's/^/      /' "$notes" | tail -n 20
    fi
}

finish() {
    [ $failures -eq 0 ] && echo "all checks held" && exit 0
    echo "$failures checks failed"
    exit 1
}

# Waits for a command to succeed, at most so many seconds.
wait_for() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.05
    done
}

not() {
    ! "$@"
}

# Whether a command prints nothing.
empty() {
    [ -z "$("$@" 2>&1 | tee -a /dev/stderr)" ]
}

# Whether what a command prints has a text: has TEXT COMMAND...
has() {
    local text=$1
    shift
    "$@" 2>&1 | tee -a /dev/stderr | grep -qF -- "$text"
}

# Runs the test again as the first process of its own namespaces.
isolate() {
    [ "$(id -u)" -eq 0 ] || skip "only root can set up a machine"
    if [ -z "${MACHINE_INSIDE:-}" ]; then
        unshare --mount --pid --fork --mount-proc true 2>/dev/null || skip "namespaces cannot be made here"
        MACHINE_INSIDE=1 exec unshare --mount --pid --fork --kill-child --mount-proc "$0" "$build"
    fi
    notes=$(mktemp) && trap 'rm -f "$notes"' EXIT
}

# The package, built from the build folder: its path is in $deb.
build_deb() {
    need_packages dpkg-dev file >/dev/null 2>&1 || skip "dpkg-dev and file cannot be installed"
    rm -f "$build"/deb/*.deb
    check "the package is built" cpack --config "$build/CPackConfig.cmake"
    deb=$(ls "$build"/deb/*.deb) || finish
}

# A bare machine under $root, with this machine's way to Debian's mirror.
make_root() {
    local reason file
    reason=$(need_base) || skip "$reason"
    root=$(mktemp -d) && trap 'rm -f "$notes"; umount -l "$root"; rmdir "$root"' EXIT
    mount -t tmpfs -o mode=755,size=1g machine "$root" || skip "a tmpfs cannot be mounted here"
    tar -C "$root" -xf "$base_tar"
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 dev "$root/dev"
    for file in null zero full random urandom tty; do
        : >"$root/dev/$file" && mount --bind "/dev/$file" "$root/dev/$file"
    done
    ln -s /proc/self/fd "$root/dev/fd"
    mkdir "$root/dev/pts" "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
    ln -s pts/ptmx "$root/dev/ptmx"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
    apt-config dump | grep '^Acquire::http' >"$root/etc/apt/apt.conf.d/90host"
    inside apt-get update -qq >"$notes" 2>&1 || skip "Debian's mirror cannot be reached: $(tail -n 1 "$notes")"
}

# Becomes a command on the machine. The environment stays outside.
become() {
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
        unshare --root="$root" "$@"
}

# Runs a command on the machine.
inside() {
    (become "$@")
}

# Installs the package with what it depends on.
install_deb() {
    cp "$deb" "$root/root/weir.deb"
    inside apt-get install -y -qq --no-install-recommends "$@" /root/weir.deb
}
