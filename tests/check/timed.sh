#!/bin/sh
# timed.sh MAKE BUILD TARGET... : makes one target after the other, shows what
# each took, and fails in the end if one has failed. Output of one that went well
# is only its last line.
make=$1 build=$2; shift 2
directory=${build%% *}
mkdir -p "$directory/log"
failed=0 table= passed=0 failing=0
for target; do
    log="$directory/log/$target"
    began=$(date +%s.%N)
    jobs=; case $target in build-*) jobs=-j2 ;; esac
    # shellcheck disable=SC2086
    if $make --no-print-directory $jobs BUILD=$build "$target" >"$log" 2>&1; then
        verdict=ok
        case $target in build-*) last= ;; *) last=$(tail -n 1 "$log") ;; esac
    else
        verdict=FAILED failed=1 last="see $log"
        tail -n 60 "$log" >&2
    fi
    row=$(printf '%-12s %-6s %6.1f s  %s' "$target" $verdict \
        "$(echo "$(date +%s.%N) $began" | awk '{print $1 - $2}')" "$last")
    echo "$row"
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed.*/\1 \2/p' "$log" | tail -n 1)
    [ -n "$counts" ] && passed=$((passed + ${counts% *})) failing=$((failing + ${counts#* }))
done
echo "$passed passed, $failing failed"
exit $failed
