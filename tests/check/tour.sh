#!/bin/sh
# tour.sh TOUR : runs the tour on the real file, in a folder of its own, and
# checks what it promises: the last line, the exit statuses, what it says when a
# row is gone or the file is another, SIGINT once and twice, and that nothing but
# text comes out where there is no terminal. To be run from the project's root.
csv=lessons/00_tour/zipcodes.csv
line='tour: 42049 read = 42049 ok + 0 skipped + 0 failed + 0 canceled + 0 abandoned'
tour=$1
work=$(mktemp -d) || exit 1
job=
trap '[ -n "$job" ] && kill -9 "$job" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
passed=0 failed=0

check() { # WHAT COMMAND... : a sentence, and what must be true
    what=$1; shift
    if "$@" >/dev/null 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "tour: not true: $what"
        tail -n 5 "$work/out" "$work/err"
    fi
}
run() { # ARGUMENT... : sets code
    timeout 100 "$tour" "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
}
ends() { [ "$(tail -n 1 "$work/out")" = "$1" ]; }
says() { grep -q -- "$1" "$work/err"; }
silent() { [ ! -s "$work/err" ]; }
escape=$(printf '\033') return=$(printf '\r')
plain() { ! cat "$work/out" "$work/err" | grep -q "[$escape$return]"; }
narrow() { ! grep -v "$work" "$work/out" | grep -q ".\{81\}"; }

# SQLite's own program may be missing, its library is not.
cat >"$work/sql.c" <<'END'
#include <sqlite3.h>
int main(int argc, char **argv)
{
    sqlite3 *db;
    return argc != 3 || sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, 0) ||
           sqlite3_exec(db, argv[2], 0, 0, 0) || sqlite3_changes(db) != 1 ||
           sqlite3_close(db);
}
END
${CC:-cc} -o "$work/sql" "$work/sql.c" -lsqlite3 || exit 1

run "$csv" "$work/whole"
check "the whole tour exits 0" [ $code = 0 ]
check "its last line is the account" ends "$line"
check "it writes nothing to standard error" silent
check "nothing but text comes out where there is no terminal" plain
check "no line is wider than a terminal" narrow
check "the error file is gone" [ ! -e "$work/whole/errors.jsonl" ]
run --sum "$work/whole"
check "the account alone exits 0" [ $code = 0 ]
check "the account alone says the same" ends "$line"

spoil() { # WHAT SQL LINE MESSAGE : on a copy
    rm -rf "$work/spoilt" && cp -r "$work/whole" "$work/spoilt"
    check "$1: can be done" "$work/sql" "$work/spoilt/final.db" "$2"
    run --sum "$work/spoilt"
    check "$1: exit 1" [ $code = 1 ]
    check "$1: the figures are of the database" ends "$3"
    check "$1: said" says "$4"
}
less=$(echo "$line" | sed 's/= 42049/= 42048/')
spoil "a row deleted from place" "DELETE FROM place WHERE zip = '00501'" \
    "$less" 'missing from table place: 00501'
spoil "a row deleted from label" "DELETE FROM label WHERE zip = '99950'" \
    "$less" 'without a label: 99950'
spoil "a row twice in label" \
    "INSERT INTO label SELECT * FROM label WHERE zip = '12345'" \
    "$less" 'labelled twice.*: 12345'
spoil "a row changed in place" \
    "UPDATE place SET city = 'x' WHERE zip = '12345'" \
    "$less" 'changed in table place: 12345'

head -n 3001 $csv >"$work/other.csv"
run "$work/other.csv" "$work/other"
check "another file exits 1" [ $code = 1 ]
check "another file is told" says 'not the zipcodes.csv of the kit: 3000 records'
check "another file has its own figures" ends "$(echo "$line" | sed 's/42049/3000/g')"
sed '2s/Holtsville/Holtsvill/' $csv >"$work/near.csv"
run --acts 1-4 "$work/near.csv" "$work/other"
check "acts 1 to 4 of a file that differs in one letter go well" [ $code = 0 ]
run --sum "$work/other"
check "a file that differs in one letter exits 1" [ $code = 1 ]
echo nonsense >"$work/bad.csv"
run "$work/bad.csv" "$work/other"
check "a file with another header exits 1" [ $code = 1 ]
check "a file with another header is named with its line" says 'bad.csv:1: '
run "$work/none.csv" "$work/other"
check "a missing file exits 2" [ $code = 2 ]
run --act 7 "$csv" "$work/other"
check "an act that there is not exits 2" [ $code = 2 ]

# What is waited for is looked for, for 20 s at most.
await() { # COMMAND...
    tries=0
    until "$@" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 1000 ] && kill -0 "$job" 2>/dev/null || return 1
        sleep 0.02
    done
}
busy() { [ "$(($(wc -c <"$1") + 0))" -gt 100000 ]; }
start() { # ARGUMENT...
    : >"$work/err"; : >"$work/out"
    "$tour" "$@" >"$work/out" 2>"$work/err" </dev/null &
    job=$!
}
finish() { wait "$job"; code=$?; job=; }

start "$csv" "$work/first"
await grep -q '^1  clean' "$work/out"
kill -INT "$job"
finish
check "SIGINT in act 1 drains: exit 3" [ $code = 3 ]
check "SIGINT is answered" says 'stopping: '
check "nothing but text comes out after SIGINT" plain

start --act 5 "$csv" "$work/once"
check "act 5 saves while one hangs" await busy "$work/once/hang.db-wal"
kill -INT "$job"
finish
check "SIGINT in act 5 drains: exit 3" [ $code = 3 ]

start --act 5 "$csv" "$work/twice"
await busy "$work/twice/hang.db-wal"
kill -INT "$job"
await says 'stopping: '
kill -INT "$job"
finish
check "SIGINT twice cancels: exit 130" [ $code = 130 ]
check "SIGINT twice is told" says 'canceled: '

# On a terminal: a progress line; colours unless NO_COLOR is set.
terminal() { # VARIABLE=VALUE
    TERM=xterm timeout 60 script -qec "env $1 \"$tour\" --act 1 \"$csv\" \"$work/tty\"" \
        /dev/null >"$work/out" 2>"$work/err" </dev/null
}
terminal NO_COLOR=
check "a terminal has colours" grep -q "$escape" "$work/out"
check "a terminal has a progress line" grep -q 'act 1 \[[#.]*\].*left' "$work/out"
terminal NO_COLOR=1
colourless() { ! grep -q "$escape" "$work/out"; }
check "a terminal with NO_COLOR has none" colourless
check "NO_COLOR leaves the progress line" grep -q 'act 1 \[[#.]*\].*left' "$work/out"

echo "$passed passed, $failed failed"
[ $failed = 0 ]
