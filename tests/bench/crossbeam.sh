#!/bin/sh
# crossbeam.sh SOURCE OUTPUT FOLDER : builds the program over the crates of
# Debian's librust-*-dev packages, without cargo and without a network.
set -e
crates=/usr/share/cargo/registry
mkdir -p "$3"

# crate VERSION ARGUMENT... : one library
crate() {
    name=$(echo "$1" | tr - _) version=$2
    shift 2
    set -- "$@" "$crates/$(echo "$name" | tr _ -)-$version"*/src/lib.rs
    ${RUSTC:-rustc} --edition 2018 --crate-type rlib --crate-name "$name" \
        -C opt-level=3 --cap-lints allow -L "$folder" --out-dir "$folder" "$@"
}

folder=$3
crate cfg-if 1
crate crossbeam-utils 0.8 --cfg 'feature="std"' \
    --extern cfg_if="$folder/libcfg_if.rlib"
crate crossbeam-channel 0.5 --cfg 'feature="std"' \
    --cfg 'feature="crossbeam-utils"' \
    --extern cfg_if="$folder/libcfg_if.rlib" \
    --extern crossbeam_utils="$folder/libcrossbeam_utils.rlib"
${RUSTC:-rustc} --edition 2018 -C opt-level=3 -L "$folder" -o "$2" "$1" \
    --extern crossbeam_channel="$folder/libcrossbeam_channel.rlib"
