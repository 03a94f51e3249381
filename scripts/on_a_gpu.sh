#!/usr/bin/env bash
# Everything to do on a machine with a GPU, in about ten minutes:
#
#     bash scripts/on_a_gpu.sh [FOLDER]          # FOLDER/report.json and FOLDER/report.html; target/on_a_gpu by default
#     bash scripts/on_a_gpu.sh --small [FOLDER]  # some of each, in two minutes on a software adapter
#
# Says which adapter is used, and in single and, where the adapter has it, in half precision verifies every kernel, times
# every call of the networks against the adapter's measured limits, and the networks in batches of 1, 8, 32 and 128. Lists what the driver made of the kernels, and times
# PyTorch on the same GPU where it is installed. A step that fails does not stop the others; the exit code is then 1.
# $INVOLUTION is the command to use, else it is built; $PYTHON has PyTorch.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export INVOLUTION_GPU=require INVOLUTION_TUNE=off NO_COLOR=1

small=
if [ "${1:-}" = --small ]; then
    small=yes
    shift
fi
folder=${1:-target/on_a_gpu}
mkdir -p "$folder/parts" || exit 2
folder=$(cd "$folder" && pwd)
rm -f "$folder"/parts/* "$folder"/report.*
python=${PYTHON:-python3}

say() { printf '[%4d s] %s\n' "$SECONDS" "$*" >&2; }

if [ -z "${INVOLUTION:-}" ]; then
    say "building"
    cargo build --release --locked -p involution-cli || exit 1
    target=$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    INVOLUTION=$target/release/involution
fi

# GPUs in containers: the manifest of the driver may lie where the loader does not look.
if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ] && "$INVOLUTION" doctor 2>&1 | grep -Eq 'software|no .*adapter'; then
    found=$(find /usr/local /opt -name 'nvidia_icd*.json' 2>/dev/null | head -n 1)
    if [ -n "$found" ]; then
        say "using the driver of $found"
        export VK_DRIVER_FILES=$found
    fi
fi

failed=()
# step NAME COMMAND...: its output is a part of the report; $may_fail keeps a failure from counting.
step() {
    local name=$1 start=$SECONDS code=0
    shift
    say "$name"
    "$@" >"$folder/parts/$name.json" 2>"$folder/parts/$name.log" || code=$?
    if [ "$code" -ne 0 ]; then
        [ -n "${may_fail:-}" ] || failed+=("$name")
        say "$name: exit code $code after $((SECONDS - start)) s: $(tail -n 1 "$folder/parts/$name.log")"
    fi
    # What printed nothing is null in the report.
    [ -s "$folder/parts/$name.json" ] || echo null >"$folder/parts/$name.json"
}

step doctor "$INVOLUTION" doctor --json
if [ ${#failed[@]} -gt 0 ]; then
    "$INVOLUTION" doctor >&2
    say "no adapter works: install the driver of the GPU and the Vulkan loader (libvulkan1)"
    exit 1
fi
if [ -n "$small" ]; then
    networks=(rednet_digits) batches=1,8
    checks=(--cases 1 involution softmax linear) calls=(--quick --repeat 2 --ops softmax,involution,linear)
else
    networks=(rednet50 resnet50 mobilenet_v2) batches=1,8,32,128
    checks=(--cases 50) calls=()
fi
precisions=(f32)
if grep -q '"half_precision": *true' "$folder/parts/doctor.json"; then
    precisions+=(f16)
fi
timed=()
for precision in "${precisions[@]}"; do
    with=(--json --precision "$precision")
    step "verify_$precision" "$INVOLUTION" verify "${with[@]}" "${checks[@]}"
    step "ops_$precision" "$INVOLUTION" bench "${with[@]}" "${calls[@]}"
    timed+=("ops_$precision")
    for network in "${networks[@]}"; do
        step "${network}_$precision" "$INVOLUTION" bench sweep "$network" --var batch="$batches" "${with[@]}"
        timed+=("${network}_$precision")
    done
done
step transfer "$INVOLUTION" bench --suite transfer --json ${small:+--quick}
# Not every driver says it.
may_fail=yes step registers "$INVOLUTION" bench registers --json
if "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    step torch "$python" benches/peers/on_cuda.py --batches "$batches" ${small:+--networks resnet50}
else
    say "torch: skipped, there is no PyTorch with CUDA for $python"
fi

{
    printf '{"commit":"%s","seconds":%d,"failed":[' "$(git rev-parse HEAD 2>/dev/null)" "$SECONDS"
    [ ${#failed[@]} -eq 0 ] || printf '"%s"\n' "${failed[@]}" | paste -sd, -
    printf ']'
    for part in "$folder"/parts/*.json; do
        printf ',\n"%s":' "$(basename "$part" .json)"
        cat "$part"
    done
    printf '}\n'
} >"$folder/report.json"

# One page: those of the benchmarks one after the other, and below them the other parts as they are.
pages=()
for name in "${timed[@]}" transfer; do
    "$INVOLUTION" bench page "$folder/parts/$name.json" --html "$folder/parts/$name.html" &&
        pages+=("$folder/parts/$name.html") || failed+=("page of $name")
done
{
    [ ${#pages[@]} -eq 0 ] || sed '/<main>/q' "${pages[0]}"
    for page in "${pages[@]}"; do
        sed '1,/<main>/d; /<\/main>/,$d' "$page"
    done
    for name in doctor verify_f32 verify_f16 registers torch; do
        [ -e "$folder/parts/$name.json" ] || continue
        printf '<h1>%s</h1>\n<pre>' "$name"
        sed 's/&/\&amp;/g; s/</\&lt;/g' "$folder/parts/$name.log" "$folder/parts/$name.json"
        printf '</pre>\n'
    done
    printf '</main>\n</body>\n</html>\n'
} >"$folder/report.html"

say "$folder/report.json, report.html${failed[*]:+; FAILED: ${failed[*]}}"
[ ${#failed[@]} -eq 0 ]
