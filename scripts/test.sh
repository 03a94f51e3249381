#!/usr/bin/env bash
# Runs every test of the workspace on a graphics adapter, and installs what is missing for that:
#
#     bash scripts/test.sh
#
# On Debian and Ubuntu it installs a linker if there is none, and lavapipe (Vulkan in software) if no adapter works. On
# other systems it prints what to install. It respects VK_DRIVER_FILES and VK_ICD_FILENAMES.
set -euo pipefail
# Without an adapter, doctor and the tests fail instead of using the CPU reference.
export INVOLUTION_GPU=require
# Autotuning on this machine must not change what is tested.
export INVOLUTION_TUNE=off
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '== %s\n' "$*"; }
stop() {
    printf 'scripts/test.sh: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        stop "needs root or sudo for: $*"
    fi
}

# Installs Debian packages.
install() {
    say "installing $*"
    as_root apt-get update || say "the package lists could not be updated: trying the present ones"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

install_vulkan() {
    case "$(uname -s)" in
    Linux) ;;
    Darwin) stop "no Metal adapter works; Metal is part of macOS, so there is nothing to install" ;;
    *) stop "no adapter works: update the graphics driver" ;;
    esac
    if [ -n "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
        stop "no adapter works with the drivers that VK_DRIVER_FILES or VK_ICD_FILENAMES names: correct or unset it"
    fi
    if ! command -v apt-get >/dev/null; then
        stop "no adapter works: install a Vulkan driver, such as lavapipe in software, and run this again
    Fedora  sudo dnf install mesa-vulkan-drivers vulkan-loader
    Arch    sudo pacman -S vulkan-swrast vulkan-icd-loader"
    fi
    install mesa-vulkan-drivers libvulkan1
}

# Runs the command that was built with the tests; `cargo run` would build it again with other features.
doctor() {
    local folder
    folder=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    if [ -x "$folder/debug/involution" ]; then
        "$folder/debug/involution" doctor
    else
        cargo run --quiet -- doctor
    fi
}

has_adapter() { doctor >/dev/null 2>&1; }

if ! command -v cargo >/dev/null && [ -r "${CARGO_HOME:-$HOME/.cargo}/env" ]; then
    # shellcheck source=/dev/null
    . "${CARGO_HOME:-$HOME/.cargo}/env"
fi
command -v cargo >/dev/null ||
    stop "cargo is missing: install Rust (https://rustup.rs), open a new shell and run this again"
if ! command -v cc >/dev/null && command -v apt-get >/dev/null; then
    install gcc libc6-dev
fi

say "building"
cargo test --workspace --no-run

if ! has_adapter; then
    say "no adapter works yet"
    install_vulkan
    if ! has_adapter; then
        doctor || true
        stop "no adapter works, even with the software driver: see the output of doctor above"
    fi
fi

say "testing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --workspace --no-fail-fast 2>&1 | tee "$log"

# Each test binary closes with: test result: ok. 12 passed; 0 failed; 0 ignored; ...
totals=$(awk '/^test result:/ { passed += $4; failed += $6; ignored += $8; runs++ }
    END { printf "%d passed, %d failed, %d ignored in %d runs", passed, failed, ignored, runs }' "$log")
case "$totals" in
"0 passed"*) stop "no test ran" ;;
esac
grep -E '^[0-9]+ cases on [0-9]+ adapters' "$log" || true
say "all tests passed on a graphics adapter: $totals"
