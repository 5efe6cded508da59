# Every command: `just` lists.
default:
    @just --list

# Runs the system on a laptop, with nothing else installed
run:
    cargo run --release

# The one test command
check:
    ./check

# The tests of one crate: just test users
test crate:
    cargo test -p denizen-{{crate}}

# Writes docs/generated anew
generate:
    cargo run -p denizen-server -- generate

# Measures speed on this machine
bench:
    bench/run
