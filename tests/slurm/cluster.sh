# A SLURM of two nodes on this machine, for the length of a test; sourced by run.sh. Needs root, slurm-wlm and munge.
# Each node claims 4 processors, 6 GB and one pretended card, and each is a slurmd of its own.

start_cluster() {  # FOLDER
    cluster=$1
    mkdir -p "$cluster"/{state,spool-a,spool-b,munge}
    chmod 755 "$cluster" "$cluster/munge"
    for node in a b; do touch "$cluster/card-$node"; done
    dd if=/dev/urandom of="$cluster/munge/key" bs=1 count=1024 status=none
    chmod 400 "$cluster/munge/key"
    cat > "$cluster/slurm.conf" <<CONF
ClusterName=sixgig
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=26817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$cluster/munge/socket
StateSaveLocation=$cluster/state
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdPidFile=$cluster/slurmd-%n.pid
SlurmdLogFile=$cluster/slurmd-%n.log
SlurmdSpoolDir=$cluster/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=300
KillWait=20
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
NodeName=a NodeAddr=127.0.0.1 NodeHostname=$(hostname) Port=26818 CPUs=4 RealMemory=6000 Gres=gpu:1 State=UNKNOWN
NodeName=b NodeAddr=127.0.0.1 NodeHostname=$(hostname) Port=26819 CPUs=4 RealMemory=6000 Gres=gpu:1 State=UNKNOWN
PartitionName=study Nodes=a,b Default=YES MaxTime=INFINITE State=UP
CONF
    cat > "$cluster/gres.conf" <<CONF
NodeName=a Name=gpu File=$cluster/card-a
NodeName=b Name=gpu File=$cluster/card-b
CONF
    # The plugin hands no SLURM_CONF on to the steps of a job, so the file has to be where SLURM looks for it.
    [ -e /etc/slurm/slurm.conf ] && { echo "/etc/slurm/slurm.conf is there already: this machine has a SLURM"; return 1; }
    ln -s "$cluster/slurm.conf" "$cluster/gres.conf" /etc/slurm/
    ours=yes
    munged --force --key-file="$cluster/munge/key" --socket="$cluster/munge/socket" \
        --pid-file="$cluster/munge/pid" --log-file="$cluster/munge/log" --seed-file="$cluster/munge/seed"
    slurmctld
    for node in a b; do slurmd -N "$node"; done
    for _ in $(seq 60); do
        [ "$(sinfo --noheader --format=%T | sort -u)" = idle ] && return
        sleep 1
    done
    sinfo >&2
    tail "$cluster"/*.log >&2
    echo "the nodes did not come up" >&2
    return 1
}

stop_cluster() {
    [ "${ours:-}" = yes ] || return 0
    rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf
    for pid in "$cluster"/slurmd-?.pid "$cluster/slurmctld.pid" "$cluster/munge/pid"; do
        [ -s "$pid" ] && kill "$(cat "$pid")"
    done
    sleep 2
}
