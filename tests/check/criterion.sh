#!/bin/sh
# criterion.sh PROGRAM: runs Criterion's tests. Criterion exits 0 when it has run
# nothing, so the count is looked at, too.
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
"$1" --color=never -j2 >"$log" 2>&1
status=$?
tested=$(sed -n 's/.*Synthesis: Tested: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
passing=$(sed -n 's/.*| Passing: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
if [ $status != 0 ] || [ "${tested:-0}" = 0 ]; then
    cat "$log"
    [ "${tested:-0}" = 0 ] && echo "no test was run"
    [ $status = 0 ] && status=1
fi
echo "${passing:-0} passed, $((${tested:-0} - ${passing:-0})) failed"
exit $status
