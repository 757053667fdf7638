# table.awk: the table of `make coverage`, from lcov's file. Fails when a file is
# below its floor, without one, or not measured, and when too many lines are
# excluded.
# -v floor=FILE -v excluded=LINES [-v root=FOLDER/]
function percent(part, of) {return of ? 100 * part / of : 100}
BEGIN {
    while ((getline line <floor) > 0) {
        if (line ~ /^#/ || line ~ /^ *$/) continue
        split(line, f, " ")
        lines[f[1]] = f[2]; branches[f[1]] = f[3]
    }
    printf "%-36s %7s %6s %9s %6s\n", "", "lines", "floor", "branches", "floor"
}
/^SF:/ {
    file = substr($0, 4)
    if (root && index(file, root) == 1) file = substr(file, length(root) + 1)
}
/^LF:/ {lf = substr($0, 4)} /^LH:/ {lh = substr($0, 4)}
/^BRF:/ {bf = substr($0, 5)} /^BRH:/ {bh = substr($0, 5)}
/^end_of_record/ {
    l = percent(lh, lf); b = percent(bh, bf)
    seen[file] = 1; mark = ""
    if (!(file in lines)) {mark = "  not in coverage/floor"; bad = 1}
    else if (l < lines[file] || b < branches[file]) {mark = "  BELOW"; bad = 1}
    printf "%-36s %6.1f%% %6s %8.1f%% %6s%s\n", file, l, lines[file], b, branches[file], mark
    slf += lf; slh += lh; sbf += bf; sbh += bh; lf = lh = bf = bh = 0
}
END {
    printf "%-36s %6.1f%% %6s %8.1f%%\n", "all", percent(slh, slf), "", percent(sbh, sbf)
    for (file in lines)
        if (!(file in seen)) {print file ": in coverage/floor, but not measured"; bad = 1}
    if (!slf) {print "no line was measured"; bad = 1}
    printf "%d lines excluded, of %d", excluded, slf + excluded
    if (excluded * 100 > slf + excluded) {printf ": more than 1 %%"; bad = 1}
    print ""
    print bad ? "coverage: below the floor (coverage/floor)" : "coverage: ok (coverage/html/index.html)"
    exit bad
}
