#!/bin/sh
# installed.sh BUILD ADAPTER... : installs into an empty folder, builds and runs
# a program against what is there, as the README says, and takes it away again.
build=$1; shift
make=${MAKE:-make} CC=${CC:-cc}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
check() { # WHAT COMMAND...
    what=$1; shift
    if "$@" >"$work/log" 2>&1; then passed=$((passed + 1))
    else failed=$((failed + 1)); echo "installed: not so: $what"; cat "$work/log"; fi
}
install() { $make --no-print-directory BUILD="$build" DESTDIR="$work/root" PREFIX=/opt/leat "$1"; }
export PKG_CONFIG_SYSROOT_DIR="$work/root"
export PKG_CONFIG_LIBDIR="$work/root/opt/leat/lib/pkgconfig:$(pkg-config --variable pc_path pkg-config)"
export LD_LIBRARY_PATH="$work/root/opt/leat/lib"
flags() { pkg-config --cflags --libs "$@" | sed "s|$work/root/usr|/usr|g"; }
program() { # shellcheck disable=SC2046
    $CC -std=c11 -o "$work/squares" lib/examples/squares.c $(flags leat) &&
        "$work/squares" | diff lib/examples/squares.out -
}
adapter() { # shellcheck disable=SC2046
    header=$1; [ "$1" = faults ] && header=fault
    printf '#include <leat/%s.h>\nint main(void) { return !leat_version(); }\n' "$header" >"$work/$1.c"
    sed -i '1i#include <leat.h>' "$work/$1.c"
    $CC -std=c11 -o "$work/$1" "$work/$1.c" -Wl,--no-as-needed $(flags "leat-$1") && "$work/$1"
}
libc_faults() { # a program of three lines whose first malloc fails
    cat >"$work/libc.c" <<'EOF'
#include <leat/fault_libc.h>
#include <stdlib.h>
int main(void)
{
    struct leat_fault_libc first = {.calls = LEAT_LIBC_MALLOC, .nth = 1};
    void *before = malloc(1), *none, *after;
    int status = leat_fault_libc_begin(&first);
    none = malloc(1);
    after = malloc(1);
    status |= leat_fault_libc_end(NULL);
    return status || !before || none || !after;
}
EOF
    # shellcheck disable=SC2046
    $CC -std=c11 -o "$work/libc" "$work/libc.c" $(flags leat-faults-libc) && "$work/libc"
}
version() { [ "$(pkg-config --modversion leat)" = "$(sed -n 's/.*LEAT_VERSION "\(.*\)"/\1/p' lib/include/leat/version.h)" ]; }
empty() { [ -z "$(find "$work/root" ! -type d)" ]; }
check "make install" install install
check "leat.pc has the version of version.h" version
check "squares.c is built with pkg-config, and prints what it must" program
for a; do check "a program with leat-$a" adapter "$a"; done
check "a program with leat-faults-libc" libc_faults
check "make uninstall" install uninstall
check "make uninstall leaves no file" empty
echo "$passed passed, $failed failed"
[ $failed = 0 ]
