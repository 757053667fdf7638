#!/bin/sh
# deps.sh PROGRAM_OR_HEADER:PACKAGE... : installs the packages of what is missing.
# Nothing missing: silent. No apt-get: prints the list and exits 1.
missing=
for row; do
    case ${row%%:*} in
    *.h) # without a compiler no header can be found
        echo "#include <${row%%:*}>" | ${CC:-cc} -E -x c - >/dev/null 2>&1 ;;
    *) command -v "${row%%:*}" >/dev/null 2>&1 ;;
    esac && continue
    case " $missing " in *" ${row#*:} "*) ;; *) missing="$missing ${row#*:}" ;; esac
done
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null 2>&1; then
    echo "There is no apt-get here. Install what your system calls:" >&2
    for package in $missing; do echo "  $package" >&2; done
    exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "not root, and no sudo: install$missing" >&2; exit 1; }
    sudo=sudo
fi
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
run() { "$@" >"$log" 2>&1 </dev/null || { cat "$log" >&2; exit 1; }; }
run $sudo apt-get update
for package in $missing; do
    echo "installing $package"
    run $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package"
done
