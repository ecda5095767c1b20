#!/usr/bin/env bash
# A search on the machines of a Slurm job. Submit it from the folder that gets the run folder:
#
#     sbatch slurm.sh --space cifar --data imagefolder:/data/flowers --budget 500
#     RUN=/scratch/flowers sbatch slurm.sh --data imagefolder:/data/flowers --budget 500
#
# Submit it again to continue: an existing run folder is resumed. Each machine needs se-nas, in the environment that is
# active here or by the line `source` below. The run folder needs to be on the job's first machine only.
# For GPUs: --gpus-per-node=4 among the settings of the job, and WORKERS=16 (machines x GPUs).

#SBATCH --job-name=se-nas
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=se-nas-%j.log

set -euo pipefail
# source "$HOME/se-nas/.venv/bin/activate"

run=${RUN:-$SLURM_SUBMIT_DIR/runs/slurm}
workers=${WORKERS:-$((SLURM_JOB_NUM_NODES * SLURM_CPUS_PER_TASK))}

# This script runs on the first machine of the job, which becomes the head. Other users may be on the network: the
# cluster asks for a token that only this job knows, and has ports and a folder of its own.
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN

ray start --head --port="$port" --temp-dir="/tmp/ray-$SLURM_JOB_ID" --num-cpus="$SLURM_CPUS_PER_TASK" \
    --include-dashboard=false --disable-usage-stats
if ((SLURM_JOB_NUM_NODES > 1)); then
    others=$((SLURM_JOB_NUM_NODES - 1))
    srun --nodes="$others" --ntasks="$others" --cpus-per-task="$SLURM_CPUS_PER_TASK" --exclude="$head" \
        ray start --address="$head:$port" --num-cpus="$SLURM_CPUS_PER_TASK" --disable-usage-stats --block &
fi

if [ -e "$run/config.yaml" ]; then
    se-nas search --resume "$run" --address "$head:$port" --workers "$workers" &
else
    se-nas search "$@" --run "$run" --address "$head:$port" --workers "$workers" &
fi
search=$!

# Five minutes before its time is over, the job gets SIGTERM. The search then ends with exit code 143, and everything
# that has finished is kept; the job goes back to the queue and continues.
trap 'kill -TERM "$search"' TERM
code=0
wait "$search" || code=$?
if kill -0 "$search" 2>/dev/null; then
    code=0
    wait "$search" || code=$?
fi
if ((code == 143)); then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
