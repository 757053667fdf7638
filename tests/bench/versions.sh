#!/bin/sh
# versions.sh CC : of the compilers and peers, on one line.
crate=$(echo /usr/share/cargo/registry/crossbeam-channel-0.5*)
tbb=$(printf '#include <tbb/version.h>\nTBB_VERSION_MAJOR.TBB_VERSION_MINOR\n' |
    ${CXX:-c++} -E -P -x c++ - 2>/dev/null | tail -n 1 | tr -d ' ')
printf '%s %s, %s, %s, crossbeam-channel %s, TBB %s, SQLite %s\n' \
    "$1" "$("$1" -dumpfullversion 2>/dev/null || "$1" -dumpversion)" \
    "$(go version | cut -d' ' -f3)" \
    "$(rustc --version | cut -d' ' -f1-2)" "${crate##*-}" "$tbb" \
    "$(printf '#include <sqlite3.h>\nSQLITE_VERSION\n' |
       "$1" -E -P -x c - | tail -n 1 | tr -d '"')"
