#!/usr/bin/env bash
# Fetches a Vulkan driver from the Debian archive into a folder, and runs a command with it. Nothing is installed.
#
#     bash scripts/drivers.sh radv25 target/debug/involution bench registers --family navi31
#     bash scripts/drivers.sh swiftshader target/debug/involution verify
#     eval "$(bash scripts/drivers.sh lavapipe25)"        # without a command: prints what to export
#
#     lavapipe25   Mesa 25.0 in software, from the backports of Debian 12
#     radv25       of the same Mesa: compiles for AMD GPUs that are not there
#     lavapipe26   Mesa 26 in software, with half precision and cooperative matrices. It needs a newer C library, which
#                  comes with it: a command is started by $RUN_WITH, or by this script
#     swiftshader  another software driver, from the package of Chromium, and the validation layer of Khronos, which
#                  VK_INSTANCE_LAYERS=VK_LAYER_KHRONOS_validation switches on
#
# For Debian on x86-64, with the archive among the system's apt sources. The folder is $INVOLUTION_DRIVERS, or
# target/drivers. Exit code 3: the driver cannot be had here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stop() {
    printf 'scripts/drivers.sh: %s\n' "$1" >&2
    exit "${2:-3}"
}

name=${1:-}
case "$name" in
lavapipe25 | radv25) folder=mesa25 suite=bookworm-backports ;;
lavapipe26) folder=mesa26 suite=trixie-backports ;;
swiftshader) folder=swiftshader suite=bookworm ;;
*) stop "usage: drivers.sh lavapipe25|radv25|lavapipe26|swiftshader [COMMAND...]" 2 ;;
esac
shift
root=${INVOLUTION_DRIVERS:-${CARGO_TARGET_DIR:-target}/drivers}
mkdir -p "$root"
root=$(cd "$root" && pwd)
there=$root/$folder
libraries=$there/usr/lib/x86_64-linux-gnu

# Runs apt with lists and packages of its own.
apt() {
    apt-get -qq -oAPT::Sandbox::User="$(id -un)" -oDir::State::Lists="$state/lists" -oDir::Cache::archives="$state/archives" \
        -oDir::State::status="$state/status" -oDir::Etc::SourceList="$state/sources.list" \
        -oDir::Etc::SourceParts=/dev/null -oDebug::NoLocking=1 "$@" >&2
}

# Fetches packages and unpacks them into $state/all; folder and suite say which.
fetch() {
    local uri key=/usr/share/keyrings/debian-archive-keyring.gpg each
    command -v apt-get >/dev/null && [ "$(uname -m)" = x86_64 ] || stop "this is not Debian on x86-64"
    uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -oE '(https?|file)://[^ ]+/debian/?( |$)' | tr -d ' ' | sort -u | sed -n 1p || true)
    [ -n "$uri" ] && [ -r "$key" ] || stop "the archive of Debian is not among this system's apt sources"
    mkdir -p "$state/lists/partial" "$state/archives/partial" "$state/all"
    : >"$state/status"
    for each in "${suite%-backports}" "$suite"; do
        printf 'deb [signed-by=%s] %s %s main\n' "$key" "$uri" "$each"
    done | sort -u >"$state/sources.list"
    apt update || stop "the lists of $suite cannot be fetched"
    cd "$state/archives"
    case "$folder" in
    mesa25)
        # The C library and the rest are the system's own.
        apt download {mesa-vulkan-drivers,mesa-libgallium,libdrm2,libdrm-{amdgpu1,intel1,nouveau2,radeon1}}/"$suite" \
            libvulkan1 libllvm15 ;;
    mesa26) apt -y --no-install-recommends --download-only -t "$suite" install mesa-vulkan-drivers libvulkan1 ;;
    swiftshader) apt download chromium-common libvulkan1 ;;
    esac || stop "the packages of $name cannot be fetched"
    for each in *.deb; do
        dpkg-deb --fsys-tarfile "$each" | tar -x -C "$state/all" --wildcards './usr/lib*/*' './lib*/*' 2>/dev/null || true
    done
}

# Writes a manifest: its name, and the library.
manifest() {
    [ -e "$state/all/$2" ] || stop "the packages do not hold $2"
    printf '{"file_format_version":"1.0.1","ICD":{"api_version":"1.3.0","library_path":"%s"}}\n' "$there/$2" \
        >"$state/all/$1.json"
}

if ! [ -d "$there" ]; then
    state=$(mktemp -d "$root/.fetching-XXXXXX")
    trap 'rm -rf "$state"' EXIT
    (
        fetch
        case "$folder" in
        swiftshader)
            manifest swiftshader usr/lib/chromium/libvk_swiftshader.so
            printf '%s' '{"file_format_version":"1.1.0","layer":{"name":"VK_LAYER_KHRONOS_validation","type":"GLOBAL",' \
                '"library_path":"../usr/lib/chromium/libVkLayer_khronos_validation.so","api_version":"1.3.0",' \
                '"implementation_version":"1","description":"Khronos validation"}}' \
                >"$(mkdir -p "$state/all/layers" && echo "$state/all/layers")/validation.json"
            # The rest of the browser is large.
            find "$state/all/usr/lib/chromium" -type f ! -name 'libvk_swiftshader.so' \
                ! -name 'libVkLayer_khronos_validation.so' -delete
            ;;
        *)
            manifest lavapipe usr/lib/x86_64-linux-gnu/libvulkan_lvp.so
            manifest radv usr/lib/x86_64-linux-gnu/libvulkan_radeon.so
            ;;
        esac
    )
    # Whole or not there.
    mv "$state/all" "$there"
fi

variables=("VK_DRIVER_FILES=$there/${name%2[56]}.json" "MESA_SHADER_CACHE_DIR=$root/cache-$folder")
run=()
case "$folder" in
mesa26) run=("$libraries/ld-linux-x86-64.so.2" --library-path "$libraries") ;;
swiftshader) variables+=("VK_ADD_LAYER_PATH=$there/layers") ;;
esac
case "$folder" in
mesa26) ;;
*) variables+=("LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}") ;;
esac
if [ $# -gt 0 ]; then
    exec env "${variables[@]}" "${run[@]}" "$@"
fi
printf 'export %q\n' "${variables[@]}"
[ -z "${run[*]}" ] || printf 'export RUN_WITH=%q\n' "${run[*]}"
