#!/bin/sh
# examples.sh FOLDER NAME... : runs each example in an empty folder and compares
# what it prints with lib/examples/NAME.out. NAME.in is its input, NAME.args its
# arguments.
folder=$(cd "$1" && pwd) source=$(cd lib/examples && pwd); shift
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0 passed=0 failed=0
for name; do
    input=/dev/null args=
    [ -f "$source/$name.in" ] && input="$source/$name.in"
    [ -f "$source/$name.args" ] && args=$(cat "$source/$name.args")
    mkdir "$work/$name"
    # shellcheck disable=SC2086
    (cd "$work/$name" && "$folder/$name" $args <"$input" >"$work/$name.out" 2>"$work/$name.err")
    code=$?
    want=0; [ -f "$source/$name.exit" ] && want=$(cat "$source/$name.exit")
    if [ $code = "$want" ] && diff -u "$source/$name.out" "$work/$name.out"; then
        passed=$((passed + 1))
    else
        echo "example $name: exit $code (want $want), output above"; cat "$work/$name.err"
        failed=$((failed + 1)) status=1
    fi
done
[ $((passed + failed)) -gt 0 ] || { echo "no examples"; status=1; }
echo "$passed passed, $failed failed"
exit $status
