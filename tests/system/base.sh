# A bare Debian 12 as a tar file, made once and kept: sourced by the tests that need a fresh machine,
# behind deploy/packages.sh.

base_tar=build/debian-base.tar

# Makes the tar file when it is not there. Prints why and returns 1 where that cannot be done.
need_base() {
    local folder status=1 proxy
    [ -s "$base_tar" ] && return 0
    [ "$(id -u)" -eq 0 ] || { echo "a base system can only be made by root"; return 1; }
    command -v debootstrap >/dev/null || need_packages debootstrap >/dev/null 2>&1 ||
        { echo "debootstrap cannot be installed"; return 1; }
    mkdir -p build
    exec 9>build/debian-base.lock
    flock -w 280 9
    if [ ! -s "$base_tar" ]; then
        folder=$(mktemp -d "${TMPDIR:-/tmp}/debian-base.XXXXXX") # no blank in it: debootstrap stumbles
        proxy=$(apt-config shell p Acquire::http::Proxy) && eval "$proxy"
        http_proxy=${http_proxy:-${p:-}} debootstrap --variant=minbase bookworm "$folder/root" \
            "$(debian_mirror bookworm http://deb.debian.org/debian)" \
            >build/debian-base.log 2>&1 9>&- &&
            rm -f "$folder"/root/var/cache/apt/archives/*.deb &&
            tar -C "$folder/root" --numeric-owner --xattrs --exclude='./dev/*' --exclude='./proc/*' \
                --exclude='./sys/*' -cf "$folder/base.tar" . && mv "$folder/base.tar" "$base_tar.$$" &&
            mv "$base_tar.$$" "$base_tar" && status=0
        rm -rf "$folder"
        [ $status -eq 0 ] || echo "debootstrap failed: $(tail -n 1 build/debian-base.log)"
    else
        status=0
    fi
    exec 9>&-
    return $status
}
