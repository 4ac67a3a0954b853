# Shared by the scripts; sourced with the repository root as the working directory.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }
complain() { printf '%s\n' "$*" >&2; }

# version_at_least 1.12.1 1.0: compares dotted numbers.
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$2" ]
}

# The first working candidate of at least the given version. A name on PATH may be a shim of another Python
# that does not run, so each is asked for its version.
find_tool() {
    local wanted=$1 candidate version
    shift
    for candidate in "$@"; do
        version=$("$candidate" --version 2>/dev/null | head -n 1) || continue
        if [[ $version =~ ^[0-9]+(\.[0-9]+)* ]] && version_at_least "${BASH_REMATCH[0]}" "$wanted"; then
            say "$candidate"
            return 0
        fi
    done
    return 1
}
find_meson() { find_tool 1.0 meson /usr/bin/meson; }
find_ninja() { find_tool 1.8 ninja ninja-build /usr/bin/ninja; }

# Sets MESON, and NINJA, which Meson itself reads.
use_tools() {
    MESON=$(find_meson) || { complain "no working meson >= 1.0; run script/bootstrap"; return 1; }
    NINJA=$(find_ninja) || { complain "no working ninja; run script/bootstrap"; return 1; }
    export NINJA
}

# configure FOLDER [option...]: a build folder that is ready to compile. One that another compiler, another
# Meson or another place of the checkout left behind is made anew.
configure() {
    local folder=$1
    shift
    if [ ! -f "$folder/meson-private/coredata.dat" ]; then
        "$MESON" setup "$folder" "$@"
    elif ! "$MESON" setup --reconfigure "$folder" "$@"; then
        say "$folder cannot be configured as it is: configuring it anew"
        "$MESON" setup --wipe "$folder" "$@" || { rm -rf "$folder" && "$MESON" setup "$folder" "$@"; }
    fi
}

# compile FOLDER [target...]
compile() { "$NINJA" -C "$@"; }

# --- counting -------------------------------------------------------------------------------------------------

# From here on everything is counted, in a file: also what runs in the background counts.
open_tally() {
    tally=$(mktemp)
    trap close_tally EXIT
}

count() { printf '%s %s\n' "$1" "$2" >>"$tally"; }

# Prints the closing line, whatever ended the script, and makes the exit status agree with it. A script that
# stops before it sets `finished` has failed, also when everything it had counted passed.
close_tally() {
    local status=$? passed failed
    if [ "${finished:-no}" != yes ]; then
        count 0 1
        complain "stopped before the end (status $status)"
    fi
    read -r passed failed < <(awk '{ good += $1; bad += $2 } END { print good + 0, bad + 0 }' "$tally")
    rm -f "$tally"
    say "$passed passed, $failed failed"
    if [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]; then exit 0; else exit 1; fi
}

# step NAME COMMAND...: one counted test. Silent when it passes; prints everything when it fails. Status 77 skips.
step() {
    local name=$1 output status=0 begin=$SECONDS
    shift
    output=$("$@" 2>&1 </dev/null) || status=$?
    case $status in
    0) count 1 0 && say "ok    $name ($((SECONDS - begin)) s)" ;;
    77) say "skip  $name: $output" ;;
    *) count 0 1 && printf 'FAIL  %s (status %s)\n%s\n' "$name" "$status" "$output" ;;
    esac
}

# The Boost test programs that FOLDER builds, as ninja names them: tests/core_tests ...
test_programs() {
    "$NINJA" -C "$1" -t targets all | sed -n 's|^\(tests/[a-z0-9_]*_tests\): .*|\1|p' | sort
}

# finish PID: waits for what was sent to the background; that it failed, instead of counting what it did, is a failure.
finish() { wait "$1" || count 0 1; }

# run_test_programs FOLDER LIST [boost option...]: runs the programs in LIST (one a line), two at a time, and
# counts their cases.
run_test_programs() {
    local folder=$1 list=$2 counts good bad
    shift 2
    if [ -z "$list" ]; then
        say "FAIL  $folder builds no test programs"
        count 0 1
        return
    fi
    counts=$(mktemp)
    printf '%s\n' "$list" | xargs -P 2 -I '{}' script/lib/run_boost_program "$folder" '{}' "$counts" "$@" || true
    read -r good bad ran < <(awk '{ good += $1; bad += $2 } END { print good + 0, bad + 0, NR }' "$counts")
    rm -f "$counts"
    count "$good" "$bad"
    # A runner that died before it could report is a failure too.
    count 0 $(($(printf '%s\n' "$list" | wc -l) - ran))
}
