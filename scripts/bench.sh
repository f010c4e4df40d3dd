#!/usr/bin/env bash
# Builds the release program and the benchmark, starts a PostgreSQL of its own, and prints the figures: all, or those named.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked --package cenote --package cenote-bench

bin=$(find /usr/lib/postgresql/*/bin -name initdb -printf '%h\n' 2>/dev/null | sort -V | tail -n 1)
folder=$(mktemp -d -p target)
as_user=()
if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root.
    chown nobody "$folder"
    chmod 755 "$folder"
    as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
folder=$(realpath "$folder")
stop() {
    if [ -n "$bin" ]; then "${as_user[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true; fi
    rm -rf "$folder"
}
trap stop EXIT
if [ -n "$bin" ]; then
    "${as_user[@]}" "$bin/initdb" -D "$folder/data" -U bench --auth trust --locale C -E UTF8 >/dev/null
    port=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    "${as_user[@]}" "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w \
        -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$folder" start >/dev/null
    export BENCH_POSTGRES_URL="postgres://bench@127.0.0.1:$port/postgres"
fi
target/release/cenote-bench target/release/cenote "$@"
