#!/bin/sh
# timed.sh MAKE BUILD TARGET... : makes one target after the other, shows what
# each took, and fails in the end if one has failed. Targets joined by a + are
# made at once. Output of one that went well is only its last line.
make=$1 build=$2; shift 2
logs=${build%% *}/log
rm -rf "$logs"; mkdir -p "$logs"
seconds() { echo "$(date +%s.%N) $1" | awk '{printf "%6.1f s", $1 - $2}'; }
part() { # TARGET : its log, and a row for the table
    log="$logs/$1" began=$(date +%s.%N) jobs= last=
    case $1 in build-*) jobs=-j2 ;; esac
    # shellcheck disable=SC2086
    if $make --no-print-directory $jobs BUILD=$build "$1" >"$log" 2>&1; then
        verdict=ok
        [ "$jobs" ] || last=$(tail -n 1 "$log")
    else
        verdict=FAILED last="see $log"
    fi
    times >"$log.times" # of this subshell, so of this part alone
    printf '%-12s %-6s %s %s  %s\n' "$1" $verdict "$(seconds "$began")" \
        "$(tail -n 1 "$log.times" | tr ms '  ' | awk '{printf "%6.1f s", 60 * ($1 + $3) + $2 + $4}')" \
        "$last" >"$log.row"
}
printf '%-12s %-6s %8s %8s\n' part '' time cpu
began_all=$(date +%s.%N) failed=0 passed=0 failing=0
for group; do
    targets=$(echo "$group" | tr + ' ')
    for target in $targets; do part "$target" & done
    wait
    for target in $targets; do
        log="$logs/$target"
        if grep -q '^[^ ]* *FAILED' "$log.row"; then
            failed=1
            tail -n 60 "$log" >&2
        fi
        cat "$log.row"
        counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
        [ -n "$counts" ] && passed=$((passed + ${counts% *})) failing=$((failing + ${counts#* }))
    done
done
printf '%-12s %-6s %s\n' all '' "$(seconds "$began_all")"
[ $failed = 0 ] || [ $failing -gt 0 ] || failing=1
echo "$passed passed, $failing failed"
exit $failed
