#!/bin/sh
# Install the simulators and the browser that the tests run, where this is root on a Debian machine and they are missing.
set -u
missing=""
command -v iverilog >/dev/null 2>&1 || missing="$missing iverilog"
command -v verilator >/dev/null 2>&1 || missing="$missing verilator"
command -v ngspice >/dev/null 2>&1 || missing="$missing ngspice"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v g++ >/dev/null 2>&1 || missing="$missing g++"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    log=$(mktemp)
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } >"$log" 2>&1; then
        tail -n 3 "$log"
        echo "could not install:$missing (their tests will be skipped)"
    fi
    rm -f "$log"
else
    echo "not installed:$missing (their tests will be skipped)"
fi
exit 0
