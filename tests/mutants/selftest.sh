#!/bin/sh
# selftest.sh MUTANTS: the mutation tester tested, on toy/: each of its mutants
# must get the verdict that toy/expected has, and what is said of them be so.
mutants=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
plain=$here/../support/plain
CC=${CC:-cc}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp "$here"/toy/* "$work"
cd "$work" || exit 1
passed=0 failed=0

build() { # name, flags
    mkdir -p "$1"
    # shellcheck disable=SC2086
    $CC -std=c11 -w -g $2 -isystem "$plain" -pthread -o "$1/tests.o" -r tests.c "$plain/plain.c" &&
        $CC -std=c11 -w -g $2 -pthread -o "$1/all-tests" toy.c "$1/tests.o" || exit 1
    printf '#!/bin/sh\nexec %s -std=c11 -w %s -iquote "$2" -c "$1" -o "$3"\n' "$CC" "-g $2" >"$1/compile"
    printf '#!/bin/sh\nexec %s -std=c11 -w %s -iquote "$2" -c "$1" -o "$3"\n' "$CC" -O2 >"$1/same"
    printf '#!/bin/sh\nexec %s %s -pthread "$1" %s/tests.o -o "$2"\n' "$CC" "$2" "$1" >"$1/link"
    printf '#!/bin/sh\nexec "$@"\n' >"$1/run"
    chmod +x "$1"/*
}
run() { # options: into log
    "$mutants" --dir out --build plain --build asan --grace 1 "$@" toy.c >log 2>&1
    code=$?
}
ok() { # what, command that must succeed
    what=$1; shift
    if "$@"; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "$what: not so (exit $code)"; cat log; fi
}
ends() { [ "$code" = "$1" ]; }
says() { grep -q -e "$1" log; }
last() { [ "$(tail -n 1 log)" = "$1" ]; }
verdicts() { sed 's/: .*//' out/report.txt | diff expected - >>log; }

build plain ''
build asan -fsanitize=address
run --list
ok "no other mutants than expected" ends 0
sed 1d log | sed 's/^\([^ ]*\):[0-9]* .*/\1/' >listed
cut -d' ' -f1 expected | diff - listed >>log
ok "the mutants are those of expected" ends $?

run
ok "a survivor without a reason is a failure" ends 1
ok "each mutant has its verdict" verdicts
ok "the survivor is shown with its line" says '^    return n > 5;'
ok "the last line counts" last "1 survivor without a reason"
ok "killers are remembered" grep -q '^toy.c toy/sum_lets_go 3$' out/killers

echo 'toy.c:toy_many:boundary:1 | n > 5 | what 5 is does not matter' >reasons
run --reasons reasons
ok "a reason is enough" ends 0
ok "the last line counts none" last "0 survivors without a reason"
ok "the reason is in the report" grep -q ':67:boundary survived: what 5' out/report.txt
printf '%s\n' 'toy.c:*:drop-lock | | no' 'toy.c:no:* | | no' 'toy.c:*:boundary | n > 6 | no' >>reasons
run --reasons reasons --only boundary
ok "a reason that nothing is like is stale" says 'reasons:3: stale: there is no such mutant'
ok "... nor by the source" says 'reasons:4: stale'
if says 'reasons:2: stale'; then code=1; else code=0; fi
ok "one whose mutants were not tried is not" ends 0
ok "--only takes what contains it" says '^4 of 4 mutants like boundary, of 14$'
run --reasons reasons --only 'toy.c:*lock'
ok "a reason for what is killed is stale" says 'reasons:2: stale: nothing like it survives'
echo 'toy.c:1 no reason' >>reasons
run --reasons reasons
ok "a line that is no reason is refused" ends 2

run --list --sample 3 --seed 7; cp log first
ok "a sample is said to be one" says '^sample of 3 of 14 mutants (seed 7)$'
ok "and has as many" [ "$(wc -l <log)" = 4 ]
run --list --sample 3 --seed 7
ok "the seed decides" cmp -s log first

"$mutants" --dir out --build plain --build asan --grace 1 --jobs 1 toy.c >log 2>&1 & pid=$!
i=0
until [ $i = 300 ] || [ "$(wc -l <out/verdicts)" -gt 3 ]; do sleep 0.1; i=$((i + 1)); done
kill -TERM $pid; wait $pid; code=$?
ok "ended by a signal it says so" ends 130
ok "... and how far it came" says '^ended after [0-9]* of 14'
run --resume
ok "what was done is taken up" says '^resume: [3-9] verdicts taken up$'
ok "and the rest is done" verdicts
sed 's/n > 5/n > 4/' "$here/toy/toy.c" >toy.c
build plain ''
run --resume --only boundary
ok "other sources begin anew" says 'the sources are not the same'

build plain -DBROKEN
run
ok "tests that are red without a mutant prove nothing" ends 2
ok "they are named" says 'red without any mutant: toy/broken'
run --nonsense
ok "an option that is none" ends 2

echo "$passed passed, $failed failed"
[ $failed = 0 ]
