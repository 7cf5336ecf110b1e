#!/usr/bin/env bash
# Shards under a real Slurm: one node of this machine (Debian's slurm-wlm), an array of 8, one task killed and requeued.
# What the shards put together must equal, byte for byte, what one call makes. Needs root, slurm-wlm and a built package.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in slurmctld slurmd sbatch munged; do
  command -v "$program" >/dev/null || PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || {
    echo "There is no $program: apt install slurm-wlm" >&2
    exit 2
  }
done
[ "$(id -u)" -eq 0 ] || { echo "slurmd must be started as root." >&2; exit 2; }
PATH="$PATH:/usr/sbin"
work=$(mktemp -d /tmp/epsam-slurm.XXXXXX)
epsam="node $PWD/bin/epsam.mjs"
daemons=()
finish() {
  for id in "${daemons[@]}"; do kill "$id" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

host=$(hostname -s)
cpus=$(nproc)
mkdir -p "$work"/{state,spool,munge}
# Munge signs what the daemons and commands of this Slurm say to each other.
dd if=/dev/urandom of="$work/munge/key" bs=1024 count=1 status=none
chown -R munge: "$work/munge"
chmod 700 "$work/munge"
chmod 400 "$work/munge/key"
chmod 755 "$work"
setpriv --reuid munge --regid munge --clear-groups munged --foreground --force --key-file "$work/munge/key" \
  --socket "$work/munge/socket" --pid-file "$work/munge/pid" --log-file "$work/munge/log" \
  --seed-file "$work/munge/seed" 2>/dev/null &
daemons+=($!)
chmod 711 "$work/munge"
export SLURM_CONF="$work/slurm.conf"
cat >"$SLURM_CONF" <<CONF
ClusterName=epsam
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
CryptoType=crypto/munge
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SlurmctldTimeout=30
SlurmdTimeout=30
MinJobAge=3600
JobRequeue=1
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
CONF
sed -i '/^CryptoType/d' "$SLURM_CONF"
slurmctld -D -f "$SLURM_CONF" >"$work/slurmctld.log" 2>&1 &
daemons+=($!)
slurmd -D -f "$SLURM_CONF" >"$work/slurmd.log" 2>&1 &
daemons+=($!)
for _ in $(seq 60); do
  [ "$(sinfo -h -o %t 2>/dev/null | head -n 1)" = idle ] && break
  sleep 1
done
sinfo || { tail -n 20 "$work"/*.log >&2; exit 1; }

# Sixteen slides with annotations, each another picture.
npx tsx scripts/fixtures/shard-slides.ts "$work/slides" "$work/xml" 16
options=("$work/slides" --annotations "$work/xml" --patch-size 64 --split 8,4,4 --max-negatives 40 --max-positives 40)
$epsam prepare "${options[@]}" --out "$work/whole" >"$work/whole.txt"

cat >"$work/array.sh" <<ARRAY
#!/bin/bash
#SBATCH --array=1-8
#SBATCH --requeue
#SBATCH --output=$work/task-%a.txt
#SBATCH --open-mode=append
# The first time, task 3 is slow enough to be killed in the midst of its work.
if [ "\$SLURM_ARRAY_TASK_ID" = 3 ] && [ "\${SLURM_RESTART_COUNT:-0}" = 0 ]; then export EPSAM_THREADS=1; touch $work/third; fi
exec $epsam prepare ${options[*]} --out $work/dataset --shard auto
ARRAY
job=$(sbatch --parsable "$work/array.sh")
until [ -e "$work/third" ]; do sleep 0.1; done
sleep 0.7
scontrol requeue "${job}_3"
echo "Task ${job}_3 was killed and requeued."
for _ in $(seq 300); do
  [ -z "$(squeue -h -r -j "$job" -t PENDING,RUNNING,COMPLETING,CONFIGURING)" ] && break
  sleep 1
done
squeue -r -j "$job" -t all -o "%i %T %r"
grep -h Shard "$work"/task-*.txt
restarts=$(scontrol show job "${job}_3" | grep -o 'Restarts=[0-9]*')
echo "Task 3: $restarts"
[ "$restarts" = Restarts=1 ]
# All shards once more share the writing of patches; then they are joined.
job=$(sbatch --parsable --wait "$work/array.sh")
grep -h -A1 Shard "$work"/task-*.txt | grep written
$epsam prepare "${options[@]}" --out "$work/dataset" --collect
diff -r "$work/whole" "$work/dataset"
echo "The shards' dataset equals that of one call, $(find "$work/dataset" -type f | wc -l) files."
