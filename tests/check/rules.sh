#!/bin/sh
# rules.sh BUILD LIBRARY... : what the project promises of its files.
#
#   headers  each public header compiles alone, as C11 and as C++11
#   symbols  what is declared is exported, and nothing else; all of it leat_
#   globals  no global state, and none of the calls that lib must not make
#   layers   includes point upwards only, and to public headers from outside
#   readme   the README's program is lib/examples/squares.c, its output real
build=$1; shift
CC=${CC:-cc}
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "$*"; }
folder() { case $1 in faults) echo faults/include ;; *) echo "lib/adapters/$1/include" ;; esac; }
includes=-Ilib/include
for a; do includes="$includes -I$(folder "$a")"; done
headers() { ls lib/include/*.h lib/include/leat/*.h; for a; do ls "$(folder "$a")"/leat/*.h; done; }

# --- headers
for h in $(headers "$@"); do
    # shellcheck disable=SC2086
    if printf '#include "%s"\ntypedef int not_empty;\n' "$h" | $CC -std=c11 -Wall -Wextra -Wpedantic -Werror \
        -fsyntax-only $includes -I. -x c -; then ok; else bad "$h: not alone as C11"; fi
    # shellcheck disable=SC2086
    if printf '#include "%s"\ntypedef int not_empty;\n' "$h" | g++ -std=c++11 -Wall -Wextra -Wpedantic -Werror \
        -fsyntax-only $includes -I. -x c++ -; then ok; else bad "$h: not alone as C++11"; fi
done

# --- symbols: what the preprocessed headers of a folder declare
# (functions that are whole in the header apart)
declared() { # folder with leat/*.h, and a header in it for one of them alone
    for h in "$1"/leat/${2:-*.h}; do
        [ "$2" ] || [ "${h##*/}" != fault_libc.h ] || continue # an archive of its own
        # shellcheck disable=SC2086
        echo "#include \"$h\"" | $CC -std=c11 -E $includes -I. -x c - |
            awk -v folder="$1/" '/^# [0-9]+ "/ {mine = index($3, folder) > 0; next} mine'
    done | awk '/^static inline/ {on = 1} !on; /^}/ {on = 0}' | tr '\n' ' ' | tr ';' '\n' |
        sed -n -e 's/^.*typedef.*$//' -e '/^[^{=]*leat_stage_fn \(.*\)/{s//\1/;s/,/\n/g;p;d}' \
            -e 's/^.*[ *]\(leat_[a-z0-9_]*\) *(.*$/\1/p' -e 's/.*extern.*[ *]\(leat_[a-z0-9_]*\) *$/\1/p' |
        tr -d ' ' | grep '^leat_' | sort -u
}
exported() {
    case $1 in
    *.a) nm --defined-only --extern-only "$1" | grep -v ' \(__wrap_\|leat__\)' ;;
    *) nm -D --defined-only "$1" ;;
    esac | awk 'NF == 3 {print $3}' | grep -v '^_\(init\|fini\)$' | sort -u
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
compare() { # folder, library, header
    declared "$1" "$3" >"$work/declared"
    exported "$2" >"$work/exported"
    if [ -s "$work/declared" ] && diff "$work/declared" "$work/exported" >"$work/diff"; then ok
    else bad "$2: declared (<) is not exported (>):"; cat "$work/diff"; fi
}
compare lib/include "$build/release/libleat.so"
for a; do compare "$(folder "$a")" "$build/release/libleat-$a.so"; done
compare faults/include "$build/release/libleat-faults-libc.a" fault_libc.h

# --- globals: no writable data, and no call of the forbidden
data=$(nm -f sysv "$build/release/libleat.a" |
    awk -F'|' '{gsub(/ /, "")} $7 ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)$/ {print $1}')
if [ -z "$data" ]; then ok; else bad "libleat has global state: $data"; fi
forbidden='exit|_exit|getenv|secure_getenv|printf|fprintf|puts|perror|signal|sigaction|rand|srand|random|srandom|setlocale|atexit|sleep|usleep'
calls=$(for f in "$build"/release/lib/src/*.o; do
    [ "$(basename "$f")" = trace.o ] && continue # it writes to the FILE it is given
    nm -u "$f"; done | awk '{print $2}' | sed 's/@.*//' | grep -xE "$forbidden|stdout|stderr" | sort -u)
if [ -z "$calls" ]; then ok; else bad "libleat calls $calls"; fi

# --- layers: rank of each private header; a file includes none above itself
rank='mem 1
mix 1
thread 1
watch 1
hand 2
ctx 2
park 3
chan 3
trace 4
wait 4
group 5
item 5
stage 6
block 7
run 7'
rank_of() { echo "$rank" | awk -v n="$1" '$1 == n {print $2; found = 1} END {if (!found) print 9}'; }
for f in lib/src/*.c lib/src/*.h; do
    own=$(basename "$f"); own=${own%.[ch]}; mine=$(rank_of "$own")
    for h in $(sed -n 's/^#include "\([a-z_]*\)\.h"/\1/p' "$f"); do
        theirs=$(rank_of "$h")
        # what is needed for the types alone of the level above is named here
        case "$own>$h" in ctx\>trace|ctx\>chan|ctx\>park|chan\>wait|chan\>trace|item\>chan|item\>ctx) ok; continue ;; esac
        if [ "$theirs" -le "$mine" ]; then ok; else bad "$f includes $h.h: the arrow points down"; fi
    done
    outside=$(sed -n 's/^#include <leat\/.*>//p; s/^#include <\(.*\)>/\1/p' "$f" | grep -E 'sqlite|jansson|csv|libpq|nats')
    if [ -z "$outside" ]; then ok; else bad "$f includes $outside: the core needs libc and pthreads only"; fi
done
private=$(ls lib/src/*.h | sed 's/.*\///')
for f in $(find lib/adapters lib/examples lessons faults tests -name '*.[ch]' ! -path 'tests/lib/private/*'); do
    for h in $(sed -n 's/^#include "\([^"]*\)"/\1/p' "$f"); do
        case " $(echo $private) " in
        *" $(basename "$h") "*) [ -f "$(dirname "$f")/$h" ] || [ -f "tests/$h" ] || bad "$f includes lib/src's $h" ;;
        esac
    done
done
ok

# --- readme
awk '/^```c$/ {on = 1; next} /^```$/ {if (on) exit} on' README.md >"$work/squares.c"
if cmp -s "$work/squares.c" lib/examples/squares.c; then ok
else bad "README.md: its first program is not lib/examples/squares.c"; fi
if grep -qx "    $(cat lib/examples/squares.out)" README.md; then ok
else bad "README.md: what squares.c prints is not lib/examples/squares.out"; fi
lines=$(wc -l <lib/examples/squares.c)
if [ "$lines" -lt 25 ]; then ok; else bad "lib/examples/squares.c has $lines lines, 25 and more"; fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
