#!/usr/bin/env bash
# Measures what only a GPU can show. Parts run in the order of their worth, each at most three minutes.
#
#     uv run bash benchmarks/on_gpu.sh OUT_DIR DATA                 # DATA: images of 32 px, e.g. npz:cifar10.npz
#     PYTHON=python3 bash benchmarks/on_gpu.sh OUT_DIR DATA --seconds 540    # no part runs after 540 seconds
#     uv run bash benchmarks/on_gpu.sh OUT_DIR DATA --tiny          # on a CPU, to see that all parts work
#     bash benchmarks/on_gpu.sh OUT_DIR DATA --list                 # print the parts and their commands
#
# Each part writes OUT_DIR/NAME.log: machine, versions, command, figures, exit code. OUT_DIR/parts.tsv has a line for
# each run of a part. A part that fails does not stop the others. A second call leaves out the parts whose log ends with
# 0 on the same device, with the same versions and command. Ctrl-C ends the current part, whose exit code is then 130,
# and prints the summary. The exit code is 0 if all parts have ended with 0. PART_SECONDS=600 gives each part more time,
# for a slow machine.
#
# Every part needs torch, torchvision, numpy, scipy, pandas, pillow, pyyaml, rich, psutil, filelock, safetensors, pydantic
# and platformdirs. `tests` also needs pytest with pytest-timeout. `search` needs all dependencies but Ray and W&B, and
# `search_ray` needs Ray, and `search_peer` Ray and Lightning. `step_*` compares with timm and pytorchcv where they are
# installed. `*_mps` needs NVIDIA's MPS. `placements`, `choice` and `story_*` need all dependencies but Ray and W&B, and
# each call of the script continues them where the last call ended: their results are OUT_DIR/*.csv and OUT_DIR/story.
set -uo pipefail

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit 2
}

# whole_seconds TEXT: print the number in base 10, or fail
whole_seconds() {
    [[ $1 =~ ^[0-9]{1,9}$ ]] && echo $((10#$1))
}

part_seconds=$(whole_seconds "${PART_SECONDS:-175}") || {
    echo "PART_SECONDS=$PART_SECONDS: expected whole seconds, e.g. 600" >&2
    exit 2
}
python=${PYTHON:-python3}
out='' data='' tiny='' list='' total_seconds=''
while [ $# -gt 0 ]; do
    case $1 in
        --tiny) tiny=1 ;;
        --list) list=1 ;;
        --seconds)
            shift
            total_seconds=$(whole_seconds "${1:-}") || usage
            ;;
        -*) usage ;;
        *) if [ -z "$out" ]; then out=$1; elif [ -z "$data" ]; then data=$1; else usage; fi ;;
    esac
    shift
done
[ -n "$data" ] || usage

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
device=cuda
[ -z "$tiny" ] || device=cpu
shortest_seconds=20 # a part is not begun with less time left
running_part='' began=0 mps='' failed=0

# Parts run in OUT_DIR, so relative paths become absolute
found=$(type -P -- "$python")
[[ $found != [!/]* ]] || python=$PWD/$found
[[ $data != *:[!/]* ]] || data=${data%%:*}:$PWD/${data#*:}

if [ -z "$list" ]; then
    mkdir -p "$out" || exit 1
    out=$(cd "$out" && pwd)
    machine=$("$python" "$here/machine.py" --device "$device" --data "$data") || exit 1
    printf '%s\n' "$machine" | tee "$out/machine.txt"
fi

# part NAME COMMAND...: run the command, unless it has been done
part() {
    local name=$1 seconds=$part_seconds left code
    shift
    if [ -n "$list" ]; then
        printf '%s\t%s\n' "$name" "$*"
        return
    fi
    if is_done "$out/$name.log" "$*"; then
        echo "$name: done before"
        return
    fi
    if [ -n "$total_seconds" ]; then
        left=$((total_seconds - SECONDS))
        if [ "$left" -lt "$shortest_seconds" ]; then
            echo "$name: no time is left"
            failed=1
            return
        fi
        seconds=$((left < seconds ? left : seconds))
    fi
    began=$SECONDS running_part=$name
    begin_log "$*" >"$out/$name.log"
    (cd "$out" && exec timeout --kill-after=10 "$seconds" "$@") >>"$out/$name.log" 2>&1 </dev/null &
    wait $!
    code=$?
    ended "$code"
    [ "$code" = 0 ] || failed=1
}

# begin_log COMMAND: print the first lines of a part's log
begin_log() {
    printf '%s\ncommand   %s\n\n' "$machine" "$1"
}

# is_done LOG COMMAND: whether a part has ended with 0 on this device, with these versions and this command
is_done() {
    [ -e "$1" ] && [[ $(tail -n 1 "$1") == 'exit code 0 after '* ]] &&
        [ "$(settings <"$1")" = "$(begin_log "$2" | settings)" ]
}

# settings: print the lines of a log that two runs of a part must have in common
settings() {
    sed -n '/^device /p; /^versions /p; /^command /{p;q;}'
}

# ended CODE: write down how the running part has ended
ended() {
    local name=$running_part seconds=$((SECONDS - began))
    printf '\nexit code %s after %s s\n' "$1" "$seconds" >>"$out/$name.log"
    printf '%s\t%s\t%s\n' "$name" "$1" "$seconds" >>"$out/parts.tsv"
    running_part=''
    echo "$name: exit code $1 after $seconds s"
}

# benchmark NAME SCRIPT FLAGS...: a part that runs a script of this folder
benchmark() {
    local name=$1 script=$2
    shift 2
    part "$name" "$python" "$here/$script" "$@"
}

# launch NAME COMMAND FLAGS...: a part that runs a command of the project
launch() {
    local name=$1 command=$2
    shift 2
    part "$name" "$python" "$root/launch/$command.py" "$@" --wandb off
}

start_mps() {
    [ -z "$list$tiny" ] || return 0
    export CUDA_MPS_PIPE_DIRECTORY=/tmp/se-nas-mps-$$ CUDA_MPS_LOG_DIRECTORY=/tmp/se-nas-mps-$$
    mkdir -p "$CUDA_MPS_PIPE_DIRECTORY"
    if nvidia-cuda-mps-control -d; then
        mps=1
    else
        echo "MPS does not start: no part with it"
        failed=1
        return 1
    fi
}

stop_mps() {
    if [ -n "$mps" ]; then
        echo quit | nvidia-cuda-mps-control
        mps=''
    fi
    unset CUDA_MPS_PIPE_DIRECTORY CUDA_MPS_LOG_DIRECTORY
}

summary() {
    [ -n "$list" ] || [ ! -e "$out/parts.tsv" ] || {
        echo
        printf '%-28s %s\n' part 'exit code, seconds'
        tac "$out/parts.tsv" | awk -F'\t' '!seen[$1]++ {printf "%-28s %9s %8s\n", $1, $2, $3}' | tac
    } | tee "$out/summary.txt"
}

stopped() {
    trap '' INT TERM HUP
    if [ -n "$running_part" ]; then
        # The signal may come before `$!` is read, and before `timeout` knows its child: ask bash, and end the group
        for job in $(jobs -p); do
            { kill -TERM -- "-$job" || kill -TERM "$job"; } 2>/dev/null
        done
        wait
        ended 130
    fi
    stop_mps
    summary
    exit 130
}
trap stopped INT TERM HUP

if [ -n "$tiny" ]; then
    few=(--networks 2 --epochs 1 --at-once 1 2)
    small=$root/search_spaces/cifar_cpu.yaml large=$small
else
    few=(--networks 16 --epochs 2 --at-once 1 4 8 2)
    small=$root/search_spaces/cifar_cpu.yaml large=$root/search_spaces/cifar.yaml
fi

# Do our kernels work here at all? (without the other tests' fixtures, which need more packages)
part tests "$python" -m pytest "$root/tests/gpu" -c "$root/pyproject.toml" --confcutdir "$root/tests/gpu" -q \
    -p no:cacheprovider

# Row 1: many at once, in processes
benchmark sharing_small sharing.py "$data" --device $device --space "$small" "${few[@]}"
if start_mps; then
    benchmark sharing_small_mps sharing.py "$data" --device $device --space "$small" "${few[@]}"
fi
stop_mps

# Row 2: many at once, in one step
if [ -n "$tiny" ]; then
    benchmark stacked_128 stacked.py --device cpu --network small --members 1 2 --batch 8 --repeats 1
else
    benchmark stacked_128 stacked.py --device cuda --members 1 4 16 2 8 --batch 128
    benchmark stacked_512 stacked.py --device cuda --members 1 4 16 2 8 --batch 512
    benchmark stacked_small stacked.py --device cuda --network small --members 1 4 16 --batch 128 512
fi

# Row 3: a whole search, with its driver
rate=(--space "$large" --budget 12 --epochs 8)
[ -z "$tiny" ] || rate=(--space "$large" --budget 2 --epochs 1)
benchmark search search_rate.py --data "$data" --workers 1 "${rate[@]}"
if [ -z "$tiny" ] && { [ -n "$list" ] || "$python" -c 'from ray import tune' 2>/dev/null; }; then
    benchmark search_ray search_rate.py --data "$data" --space "$large" --budget 32 --epochs 8
fi

if [ -z "$tiny" ] && { [ -n "$list" ] || "$python" -c 'from ray import tune; import lightning' 2>/dev/null; }; then
    benchmark search_peer search_rate.py --data "$data" --space "$large" --budget 8 --epochs 4 --workers 4 --peer 4
fi

# Row 4: one network, against the limit of the device
if [ -n "$tiny" ]; then
    benchmark roofline_1024 roofline.py --device cpu --batch 8
else
    benchmark roofline_1024 roofline.py --device cuda --batch 1024
    benchmark roofline_128 roofline.py --device cuda --batch 128
fi

# Row 5: a good accuracy in few seconds, and what a plain loop reaches on the same images
accuracy=(--recipe "$root/recipes/fast.yaml" --network resnet10 --epochs 8 16)
[ -z "$tiny" ] || accuracy=(--recipe "$root/recipes/fast.yaml" --network regnety_200mf --epochs 1)
benchmark accuracy accuracy_per_second.py "$data" --device $device "${accuracy[@]}" --loop ours
benchmark accuracy_plain accuracy_per_second.py "$data" --device $device "${accuracy[@]}" --loop plain

# Row 1 again: large networks
if [ -z "$tiny" ]; then
    few=(--networks 8 --epochs 1 --at-once 1 4 8 2)
    benchmark sharing_large sharing.py "$data" --device cuda --space "$large" "${few[@]}"
    if start_mps; then
        benchmark sharing_large_mps sharing.py "$data" --device cuda --space "$large" "${few[@]}"
    fi
    stop_mps
fi

# Row 4 again: other families, against timm (pytorchcv for ResNet-20)
for pixels in 32 224; do
    for name in resnet50 resnet20_cifar10 mobilenetv2_100 efficientnet_b0; do
        # With small images launches decide, and CUDA graphs save them
        settings=(--batch 512 --steps 20 --turns 5 --compiled reduce-overhead)
        [ "$pixels" = 32 ] || settings=(--batch 128 --steps 10 --turns 5 --compiled default)
        [ -z "$tiny" ] || settings=(--batch 2 --steps 1 --turns 1)
        [ -z "$tiny" ] || [ "$pixels" = 32 ] || continue
        part=step_${name}_$pixels
        benchmark "$part" step_speed.py "$name" --device $device --px "$pixels" "${settings[@]}" --out "$out/$part.csv"
    done
done

# Row 6: compiling each block
compiled=(--batch 128 --networks 3)
[ -z "$tiny" ] || compiled=(--batch 2 --networks 1 --steps 2 --space "$small")
benchmark compilation compilation.py --device $device "${compiled[@]}"

# Row 7: stories on all images
if [ -n "$tiny" ]; then
    few=(--placements habit --seeds 2 --epochs 1)
    chosen=(--epochs 1 --total-epochs 2 --seeds 1 --fresh-seeds 1 --processes 1 --fraction 0.1)
    budget=(--budget 2 --epochs 1) ablation=(--seeds 2 --epochs 1) retraining=(--epochs 1)
else
    few=(--placements all --seeds 3 --epochs 8)
    chosen=(--epochs 8 --total-epochs 96 --seeds 2 --fresh-seeds 2 --processes 8)
    budget=(--budget 40 --epochs 8) ablation=(--seeds 5) retraining=(--epochs 36 --baselines)
fi
benchmark placements placement_table.py --space "$here/tables/resnet20.yaml" --data "$data" --device $device \
    "${few[@]}" --out "$out/resnet20.csv"
benchmark choice real_choice.py --data "$data" --space "$small" --device $device "${chosen[@]}" --out "$out/choice.csv"
search=(--data "$data" --space "$small" "${budget[@]}" --run "$out/story")
[ -n "$list" ] || [ ! -e "$out/story" ] || search=(--resume "$out/story")
launch story_search search "${search[@]}" --workers 1
launch story_ablate ablate "$out/story:knee" "${ablation[@]}" --workers 1
launch story_retrain retrain "$out/story" "${retraining[@]}"

# What was measured before, with today's code
if [ -z "$tiny" ]; then
    benchmark se_cost_1024 se_cost.py --device cuda --batch 1024
    benchmark trial_speed trial_speed.py --device cuda --batch 1024 --images 25600 --turns 3 --out "$out/trial_speed.csv"
else
    benchmark se_cost_1024 se_cost.py --device cpu --batch 8 --turns 1
    benchmark trial_speed trial_speed.py --device cpu --batch 8 --images 16 --turns 1 --loaders 1 --only torchvision \
        --out "$out/trial_speed.csv"
fi

summary
exit "$failed"
