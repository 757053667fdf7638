#!/bin/sh
# run.sh BUILT: runs the tests of the coverage build, and compares each file's
# line and branch coverage with coverage/floor. See coverage/README.md.
built=$1
work=$built/lcov
rm -rf "$work"; mkdir -p "$work"
find "$built" -name '*.gcda' -exec rm -f {} +
sh tests/check/criterion.sh "$built/all-tests" >"$work/tests.log" 2>&1 || {
    cat "$work/tests.log"; echo "coverage: the tests failed"; exit 1; }
tail -n 1 "$work/tests.log"
# An assert that holds has a branch that is never taken: it is not counted.
lcov --quiet --capture --directory "$built/lib" --base-directory . --no-external \
    --rc lcov_branch_coverage=1 \
    --rc 'lcov_excl_br_line=LCOV_EXCL_BR_LINE|assert\(' \
    --output-file "$work/all.info" >"$work/lcov.log" 2>&1 || { cat "$work/lcov.log"; exit 1; }
lcov --quiet --extract "$work/all.info" '*/lib/src/*' '*/lib/adapters/*' \
    --rc lcov_branch_coverage=1 --output-file "$work/lib.info" >>"$work/lcov.log" 2>&1 || {
    cat "$work/lcov.log"; exit 1; }
genhtml --quiet --branch-coverage --output-directory coverage/html "$work/lib.info" \
    --title leat >>"$work/lcov.log" 2>&1 || { cat "$work/lcov.log"; exit 1; }
excluded=$(cat lib/src/*.c lib/src/*.h lib/adapters/*/*.c | awk '
    /LCOV_EXCL_START/ {on = 1} on || /LCOV_EXCL_LINE/ {n++} /LCOV_EXCL_STOP/ {on = 0} END {print n + 0}')
all=$(cat lib/src/*.c lib/src/*.h lib/adapters/*/*.c | wc -l)
root=$(pwd -P)/
awk -v root="$root" -v floor=coverage/floor -v excluded="$excluded" -v all="$all" '
    BEGIN {
        while ((getline line <floor) > 0) {
            if (line ~ /^#/ || line ~ /^ *$/) continue
            split(line, f, " ")
            lines[f[1]] = f[2]; branches[f[1]] = f[3]
        }
        printf "%-36s %7s %6s %9s %6s\n", "", "lines", "floor", "branches", "floor"
    }
    /^SF:/ {file = substr($0, 4); if (index(file, root) == 1) file = substr(file, length(root) + 1)}
    /^LF:/ {lf = substr($0, 4)} /^LH:/ {lh = substr($0, 4)}
    /^BRF:/ {bf = substr($0, 5)} /^BRH:/ {bh = substr($0, 5)}
    /^end_of_record/ {
        l = lf ? 100 * lh / lf : 100; b = bf ? 100 * bh / bf : 100
        seen[file] = 1; mark = ""
        if (!(file in lines)) {mark = "  not in coverage/floor"; bad = 1}
        else if (l < lines[file] || b < branches[file]) {mark = "  BELOW"; bad = 1}
        printf "%-36s %6.1f%% %6s %8.1f%% %6s%s\n", file, l, lines[file], b, branches[file], mark
        slf += lf; slh += lh; sbf += bf; sbh += bh; lf = lh = bf = bh = 0
    }
    END {
        printf "%-36s %6.1f%% %6s %8.1f%%\n", "all", 100 * slh / slf, "", 100 * sbh / sbf
        for (file in lines) if (!(file in seen)) {print file ": in coverage/floor, but not measured"; bad = 1}
        printf "%d of %d lines excluded", excluded, all
        if (excluded * 100 > all) {printf ": more than 1 %%"; bad = 1}
        print ""
        print bad ? "coverage: below the floor (coverage/floor)" : "coverage: ok (coverage/html/index.html)"
        exit bad
    }' "$work/lib.info"
