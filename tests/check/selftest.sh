#!/bin/sh
# selftest.sh BUILD: the checks checked. Each bug of plants.c must turn the run
# that is there to find it red, and the clean test must stay green; so must a run
# of no test at all, an example with other output, and a file that is not there
# for need.sh.
build=$1
CC=${CC:-cc}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
: "${ASAN:?} ${TSAN:?} ${MEMCHECK:?} ${VALGRIND:?}" # the Makefile's own flags
for mode in plain asan tsan; do
    case $mode in asan) flags=$ASAN ;; tsan) flags=$TSAN ;; plain) flags= ;; esac
    # shellcheck disable=SC2086
    $CC -std=c11 $flags -O0 -g -w -ULEAT_SLOW -isystem tests/support/plain -pthread \
        -o "$work/$mode" tests/support/selftest/plants.c tests/support/plain/plain.c || exit 1 &
done
wait
run() { # how, program's arguments
    how=$1; shift
    case $how in
    plain | asan) "$work/$how" "$@" ;;
    tsan) TSAN_OPTIONS=exitcode=66 "$work/tsan" "$@" ;;
    memcheck) $MEMCHECK "$work/plain" "$@" ;;
    helgrind) $VALGRIND --tool=helgrind "$work/plain" "$@" ;;
    drd) $VALGRIND --tool=drd "$work/plain" "$@" ;;
    esac >"$work/log" 2>&1
}
expect() { # red or green, what
    code=$?
    if { [ "$1" = green ] && [ $code = 0 ]; } || { [ "$1" = red ] && [ $code != 0 ]; }; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1)); echo "$2: not $1 (exit $code)"; cat "$work/log"
    fi
}
for how in plain asan tsan memcheck helgrind drd; do run $how plant/clean; expect green "clean under $how"; done
for plant in assert expect crash hang thread leave; do run plain plant/$plant; expect red "$plant"; done
for how in asan memcheck; do run $how plant/leak; expect red "leak under $how"; done
for how in tsan helgrind drd; do run $how plant/race; expect red "race under $how"; done
for how in tsan helgrind; do run $how plant/order; expect red "lock order under $how"; done
run asan plant/overflow; expect red "overflow under UBSan"
run plain 'nothing/*'; expect red "no test at all"

sh tests/check/need.sh no-such-program:some-package -- no-such-program >"$work/log" 2>&1
expect red "a missing program"
grep -q some-package "$work/log"; expect green "its package is named"
# A runner that is ended takes its tests with it, and names them.
timeout -s TERM 0.3 "$work/plain" plant/hang >"$work/log" 2>&1; expect red "a runner that is ended"
grep -q 'plant/hang: timed out' "$work/log"; expect green "the test that was running is named"
"$build/tools/watchdog" 1 -- sh -c 'sleep 30' >"$work/log" 2>&1; expect red "the watchdog ends a hang"
mkdir -p "$work/bin"; printf '#!/bin/sh\necho wrong\n' >"$work/bin/squares"; chmod +x "$work/bin/squares"
sh tests/check/examples.sh "$work/bin" squares >"$work/log" 2>&1; expect red "an example with other output"

# The gate of the coverage: a file below, one not listed, one not measured, an
# excluded line too many.
printf 'SF:lib/src/a.c\nBRF:10\nBRH:9\nLF:100\nLH:95\nend_of_record\n' >"$work/info"
gate() { # floor's text, excluded lines
    printf '%s\n' "$1" >"$work/floor"
    awk -v floor="$work/floor" -v excluded="$2" -f coverage/table.awk "$work/info" >"$work/log" 2>&1
}
gate 'lib/src/a.c 95 90' 1; expect green "coverage at its floor"
gate 'lib/src/a.c 95.1 90' 1; expect red "lines below the floor"
gate 'lib/src/a.c 95 90.1' 1; expect red "branches below the floor"
gate '# nothing' 1; expect red "a file without a floor"
gate 'lib/src/a.c 95 90
lib/src/b.c 95 90' 1; expect red "a floor without a file"
gate 'lib/src/a.c 95 90' 2; expect red "too many excluded lines"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
