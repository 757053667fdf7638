#!/bin/sh
# fault_examples.sh BUILD [NAME...]: installs into an empty folder, takes each of
# faults/examples out of the source tree, and runs its `make check` against what
# is installed. A package that is not there is a failure.
build=$1; shift
make=${MAKE:-make} CC=${CC:-cc} tree=$(pwd)
[ $# -gt 0 ] || for folder in faults/examples/*/; do set -- "$@" "$(basename "$folder")"; done
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
$make --no-print-directory BUILD="$build" DESTDIR= PREFIX="$work/installed" install >"$work/log" 2>&1 ||
    { echo "fault examples: make install fails"; cat "$work/log"; exit 1; }
export CC PKG_CONFIG_PATH="$work/installed/lib/pkgconfig" LD_LIBRARY_PATH="$work/installed/lib"
unset MAKEFLAGS MAKELEVEL MFLAGS CPATH C_INCLUDE_PATH LIBRARY_PATH LEAT_AUDIT LEAT_SEED

example() { # NAME
    packages=$(sed -n 's/^PACKAGES = //p' "faults/examples/$1/Makefile")
    lines=$(wc -l <"faults/examples/$1/Makefile")
    # shellcheck disable=SC2086
    [ -n "$packages" ] && pkg-config --print-errors --exists $packages &&
        { [ "$lines" -lt 15 ] || { echo "its Makefile has $lines lines"; false; }; } &&
        cp -R "faults/examples/$1" "$work/$1" && cd "$work/$1" &&
        { ! grep -rnF "$tree" . && ! grep -rn '\.\./' .; } &&
        timeout 200 "$make" check </dev/null
}

passed=0 failed=0
for name; do
    if (example "$name") >"$work/log" 2>&1; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "fault example $name fails:"; cat "$work/log"; fi
done
[ $((passed + failed)) -gt 0 ] || { echo "no fault examples"; failed=1; }
echo "$passed passed, $failed failed"
[ $failed = 0 ]
