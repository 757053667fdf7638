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
for mode in plain asan tsan; do
    case $mode in
    asan) flags='-fsanitize=address,undefined -fno-sanitize-recover=all' ;;
    tsan) flags=-fsanitize=thread ;;
    plain) flags= ;;
    esac
    # shellcheck disable=SC2086
    $CC -std=c11 -O0 -g -w $flags -isystem tests/support/plain -pthread -o "$work/$mode" \
        tests/support/selftest/plants.c tests/support/plain/plain.c || exit 1 &
done
wait
valgrind='valgrind -q --error-exitcode=99 --suppressions=tests/support/valgrind.supp'
run() { # how, program's arguments
    how=$1; shift
    case $how in
    plain | asan) "$work/$how" "$@" ;;
    tsan) TSAN_OPTIONS=exitcode=66 "$work/tsan" "$@" ;;
    memcheck) $valgrind --leak-check=full --errors-for-leak-kinds=definite,indirect,possible "$work/plain" "$@" ;;
    helgrind) $valgrind --tool=helgrind "$work/plain" "$@" ;;
    drd) $valgrind --tool=drd "$work/plain" "$@" ;;
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
for plant in assert expect crash hang thread; do run plain plant/$plant; expect red "$plant"; done
for how in asan memcheck; do run $how plant/leak; expect red "leak under $how"; done
for how in tsan helgrind drd; do run $how plant/race; expect red "race under $how"; done
for how in tsan helgrind; do run $how plant/order; expect red "lock order under $how"; done
run asan plant/overflow; expect red "overflow under UBSan"
run plain 'nothing/*'; expect red "no test at all"

sh tests/check/need.sh no-such-program:some-package -- no-such-program >"$work/log" 2>&1
expect red "a missing program"
grep -q some-package "$work/log"; expect green "its package is named"
"$build/tools/watchdog" 1 -- sh -c 'sleep 30' >"$work/log" 2>&1; expect red "the watchdog ends a hang"
mkdir -p "$work/bin"; printf '#!/bin/sh\necho wrong\n' >"$work/bin/squares"; chmod +x "$work/bin/squares"
sh tests/check/examples.sh "$work/bin" squares >"$work/log" 2>&1; expect red "an example with other output"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
