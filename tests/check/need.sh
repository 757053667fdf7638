#!/bin/sh
# need.sh PROGRAM_OR_HEADER:PACKAGE... -- NEEDED... : fails with the name of the
# package when something that is needed is not there.
table= ; status=0
while [ "$1" != -- ]; do table="$table $1"; shift; done
shift
for need; do
    package=
    for row in $table; do
        [ "${row%%:*}" = "$need" ] && package=${row#*:} && break
    done
    case $need in
    *.h) echo "#include <$need>" | ${CC:-cc} -E -x c - >/dev/null 2>&1 ;;
    *) command -v "$need" >/dev/null 2>&1 ;;
    esac || {
        echo "missing: $need (Debian's package: ${package:-?}); try: make deps" >&2
        status=1
    }
done
exit $status
