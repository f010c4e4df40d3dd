#!/usr/bin/env bash
# Installs what `make test` and `make lint` need beyond Rust, Node.js and Python: Debian packages (as root or with
# passwordless sudo; otherwise it names them and stops), the locked Python packages in .venv and the locked JavaScript
# packages in interop/node/node_modules.
# Run again it only looks: nothing is installed twice.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# --- Debian packages -------------------------------------------------------------------------------------------

has_command() { command -v "$1" >/dev/null 2>&1; }
has_file() { compgen -G "$1" >/dev/null; }
can_make_venv() { python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

missing=()
has_command cc || missing+=(build-essential)
has_command strace || missing+=(strace)
# The tests start servers of their own: the program files are needed, not a running cluster.
has_file '/usr/lib/postgresql/*/bin/initdb' || missing+=(postgresql)
has_file '/usr/lib/*/faketime/libfaketime.so.1' || missing+=(libfaketime)
has_command python3 || missing+=(python3)
can_make_venv || missing+=(python3-venv)

install_packages() {
    local become=()
    if [ "$(id -u)" -ne 0 ]; then
        become=(sudo -n)
        has_command sudo && sudo -n true 2>/dev/null || return 1
    fi
    has_command apt-get || return 1
    say "installing $* with apt"
    "${become[@]}" apt-get update -qq </dev/null
    "${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null
}

if [ "${#missing[@]}" -gt 0 ]; then
    install_packages "${missing[@]}" ||
        fail "these Debian packages are needed; install them and run again: apt-get install ${missing[*]}"
fi

has_command cargo || fail "Rust is needed: cargo was not found"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed; python3 is $(python3 --version 2>&1)"
for command in node npm; do
    has_command "$command" || fail "Node.js 20 or newer with npm is needed: $command was not found"
done
node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' ||
    fail "Node.js 20 or newer is needed; node is $(node --version 2>&1)"

# --- Python packages -------------------------------------------------------------------------------------------

stamp=.venv/.installed
wanted="$(python3 --version) $(sha256sum <interop/requirements.txt)"
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    say "installing the Python packages of interop/requirements.txt into .venv"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        -r interop/requirements.txt </dev/null
    printf '%s\n' "$wanted" >"$stamp"
fi

# --- JavaScript packages ---------------------------------------------------------------------------------------

packages=interop/node
stamp=$packages/node_modules/.installed
wanted="$(node --version) $(sha256sum <$packages/package-lock.json)"
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
    say "installing the JavaScript packages of $packages/package-lock.json"
    # No package's own script is run.
    npm ci --prefix "$packages" --ignore-scripts --no-fund --no-audit --loglevel=error </dev/null
    printf '%s\n' "$wanted" >"$stamp"
fi
