#!/bin/sh
# run.sh BUILT: runs the tests of the coverage build, and compares each file's
# line and branch coverage with coverage/floor. See coverage/README.md.
built=$1
work=$built/lcov
lcov='lcov --quiet --rc lcov_branch_coverage=1'
rm -rf "$work"; mkdir -p "$work"
find "$built" -name '*.gcda' -exec rm -f {} +
sh tests/check/criterion.sh "$built/all-tests" >"$work/tests.log" 2>&1 || {
    cat "$work/tests.log"; echo "coverage: the tests failed"; exit 1; }
log() { "$@" >>"$work/lcov.log" 2>&1 || { cat "$work/lcov.log"; exit 1; }; }

# All at once: one part's counters each. A file that no test has run has no
# counters: the first of the two counts it, with zeros.
# An assert that holds has a branch that is never taken: it is not counted.
parts='lib/src lib/adapters'
ls faults/src/*.c >/dev/null 2>&1 && parts="$parts faults"
capture() { # PART
    name=$(echo "$1" | tr / -)
    $lcov --initial --capture --directory "$built/$1" --base-directory . --no-external \
        --output-file "$work/$name.zero" &&
    $lcov --capture --directory "$built/$1" --base-directory . --no-external \
        --rc 'lcov_excl_br_line=LCOV_EXCL_BR_LINE|assert\(' \
        --output-file "$work/$name.run" && touch "$work/$name.done"
}
for part in $parts; do capture "$part" >"$work/$(echo "$part" | tr / -).log" 2>&1 & done
wait
files=
for part in $parts; do
    name=$(echo "$part" | tr / -)
    [ -e "$work/$name.done" ] || { cat "$work/$name.log"; exit 1; }
    files="$files -a $work/$name.zero -a $work/$name.run"
done
# shellcheck disable=SC2086
log $lcov $files --output-file "$work/all.info"
log $lcov --extract "$work/all.info" "*/lib/src/*" "*/lib/adapters/*" "*/faults/*" \
    --output-file "$work/part.info"
log $lcov --remove "$work/part.info" "*/tests/*" --output-file "$work/lib.info"
log genhtml --quiet --branch-coverage --output-directory coverage/html "$work/lib.info" --title leat
excluded=$(cat lib/src/*.[ch] lib/adapters/*/*.[ch] faults/*/*.[ch] | awk '
    /LCOV_EXCL_START|LCOV_EXCL_BR_START/ {on = 1}
    on || /LCOV_EXCL_LINE|LCOV_EXCL_BR_LINE/ {n++}
    /LCOV_EXCL_STOP|LCOV_EXCL_BR_STOP/ {on = 0} END {print n + 0}')
tail -n 1 "$work/tests.log"
awk -v root="$(pwd -P)/" -v floor=coverage/floor -v excluded="$excluded" \
    -f coverage/table.awk "$work/lib.info"
