#!/bin/sh
# need.sh [--install] WHAT:PACKAGE... : what the peers need. WHAT is a program, a
# C++ header (with a dot in it) or files (absolute, may have a * in it). Says
# what is missing and exits 1, or installs that and only that.
install=
[ "$1" = --install ] && install=yes && shift
missing=
for row; do
    what=${row%:*} package=${row##*:}
    case $what in
    /*) set +f; ls -d $what >/dev/null 2>&1 ;;
    *.h) # libtbb's headers are C++
        command -v "${CXX:-c++}" >/dev/null 2>&1 &&
            echo "#include <$what>" |
            ${CXX:-c++} -E -x c++ - >/dev/null 2>&1 ;;
    *) command -v "$what" >/dev/null 2>&1 ;;
    esac && continue
    [ -n "$install" ] ||
        echo "missing: $what (Debian's package: $package); try: make bench-deps" >&2
    missing="$missing missing-$package:$package"
done
[ -z "$missing" ] && exit 0
[ -n "$install" ] || exit 1
# shellcheck disable=SC2086
exec sh tests/check/deps.sh $missing
