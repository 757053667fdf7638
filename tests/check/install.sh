#!/bin/sh
# install.sh DEST PREFIX VERSION SOVERSION BUILT NAME:REQUIRES:LIBS... WRAP :
# the libraries and their pkg-config files. WRAP: what the linker is told for
# faults of libc.
set -e
dest=$1 prefix=$2 version=$3 soversion=$4 built=$5; shift 5
library() { # name
    install -m 644 "$built/$1.a" "$dest/lib"
    install -m 755 "$built/$1.so" "$dest/lib/$1.so.$version"
    ln -sf "$1.so.$version" "$dest/lib/$1.so.$soversion"
    ln -sf "$1.so.$soversion" "$dest/lib/$1.so"
}
pc() { # file, name, description, requires, libs, private libs
    cat >"$dest/lib/pkgconfig/$1.pc" <<EOF
prefix=$prefix
includedir=\${prefix}/include
libdir=\${prefix}/lib

Name: $2
Description: $3
Version: $version
Requires: $4
Cflags: -I\${includedir}
Libs: -L\${libdir} $5
Libs.private: $6
EOF
}
library libleat
pc leat leat "concurrent batch pipelines in C" "" -lleat -pthread
for adapter; do
    case $adapter in -Wl,*) wrap=$adapter; continue ;; esac
    name=${adapter%%:*} rest=${adapter#*:}
    case $name in
    faults) headers=faults/include what="misbehaviour on purpose, and a harness, for any code" ;;
    *) headers=lib/adapters/$name/include what="leat's adapter $name" ;;
    esac
    library "libleat-$name"
    install -m 644 "$headers"/leat/*.h "$dest/include/leat"
    pc "leat-$name" "leat-$name" "$what" "leat" "-lleat-$name" "${rest#*:}"
    [ -n "${rest%%:*}" ] && echo "Requires.private: ${rest%%:*}" >>"$dest/lib/pkgconfig/leat-$name.pc"
done
if [ "$wrap" ]; then
    install -m 644 "$built/libleat-faults-libc.a" "$dest/lib"
    pc leat-faults-libc leat-faults-libc "calls of libc that fail, for leat-faults" "leat-faults" \
        "-lleat-faults-libc $wrap"
fi
exit 0
