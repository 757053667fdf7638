#!/bin/sh
# lowest.sh BUILT [RUNS]: measures the coverage so many times (10), and prints what
# coverage/floor may hold: per file two points under the lowest. Its aim is in
# README.md. To be copied by hand.
built=$1 runs=${2:-10}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
i=0
while [ $((i += 1)) -le "$runs" ]; do
    sh coverage/run.sh "$built" >"$work/$i"
    echo "run $i: $(tail -n 1 "$work/$i")" >&2
done
cat "$work"/* | awk '
    $1 ~ /^(lib|faults)\// && $2 ~ /%$/ {
        b = $3 ~ /%$/ ? $3 : $4
        sub(/%/, "", $2); sub(/%/, "", b)
        if (!($1 in low) || $2 + 0 < low[$1]) low[$1] = $2 + 0
        if (!($1 in lowb) || b + 0 < lowb[$1]) lowb[$1] = b + 0
    }
    function floored(x) {return x >= 100 ? 100 : x <= 2 ? 0 : int(x - 2)}
    END {for (f in low) print f, floored(low[f]), floored(lowb[f])}' | sort
