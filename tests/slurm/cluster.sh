#!/bin/sh
# A real SLURM cluster of two nodes on this machine, for tests: tests/slurm/cluster.sh start|stop
#
# Wants root and Debian's packages, and no other SLURM on the machine (its configuration would be overwritten):
#   apt-get install --no-install-recommends slurm-wlm slurmctld slurmd munge
# Everything listens on 127.0.0.1. Settings marked (test) make requeued jobs start again in seconds; a real cluster does not need them.
set -eu

CONF=/etc/slurm/slurm.conf
MARK='# written by tests/slurm/cluster.sh'
STATE=/var/lib/slurm
LOGS=/var/log/slurm

stop() {
    for file in /run/slurmd.n1.pid /run/slurmd.n2.pid /run/slurmctld.pid /run/munge/munged.pid; do
        if [ -s "$file" ]; then
            process=$(cat "$file")
            kill "$process" 2>/dev/null || true
            for _ in $(seq 100); do kill -0 "$process" 2>/dev/null || break; sleep 0.1; done
        fi
        rm -f "$file"
    done
}

refuse() { echo "$1" >&2; exit 3; }

start() {
    [ "$(id -u)" = 0 ] || refuse "a test cluster wants root, to start its daemons"
    for tool in sbatch slurmctld slurmd munged runuser; do
        PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || refuse "$tool is missing: apt-get install --no-install-recommends slurm-wlm slurmctld slurmd munge"
    done
    if [ -e "$CONF" ] && ! grep -qF "$MARK" "$CONF"; then refuse "$CONF is of another SLURM and stays as it is"; fi
    stop
    [ -s /etc/munge/munge.key ] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 2>/dev/null; chown munge:munge /etc/munge/munge.key; chmod 400 /etc/munge/munge.key; }
    rm -rf "$STATE/slurmctld" "$STATE/slurmd.n1" "$STATE/slurmd.n2"
    mkdir -p /etc/slurm /run/munge /var/log/munge "$LOGS" "$STATE/slurmctld" "$STATE/slurmd.n1" "$STATE/slurmd.n2"
    chown munge:munge /run/munge /var/log/munge
    cat >"$CONF" <<END
$MARK
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=17010
SlurmctldParameters=preempt_send_user_signal
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
AuthType=auth/munge
# (test) a requeued job waits for its old credentials to expire: 2 minutes unless told otherwise
AuthInfo=cred_expire=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
# (test) seconds between SIGTERM and SIGKILL; 30 by default
KillWait=5
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.%n.pid
SlurmdSpoolDir=$STATE/slurmd.%n
StateSaveLocation=$STATE/slurmctld
SlurmctldLogFile=$LOGS/slurmctld.log
SlurmdLogFile=$LOGS/slurmd.%n.log
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=n1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=17001 CPUs=1 RealMemory=4000
NodeName=n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=17002 CPUs=1 RealMemory=4000
PartitionName=low Nodes=n1,n2 Default=YES MaxTime=60 PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes=n1,n2 MaxTime=60 PriorityTier=10 PreemptMode=OFF
END
    runuser -u munge -- /usr/sbin/munged
    /usr/sbin/slurmctld
    /usr/sbin/slurmd -N n1
    /usr/sbin/slurmd -N n2
    for _ in $(seq 100); do
        [ "$(sinfo --noheader --Node --states=idle --partition=low --format=%N 2>/dev/null | wc -l)" = 2 ] && exit 0
        sleep 0.1
    done
    tail -n 20 "$LOGS"/*.log >&2
    stop
    refuse "the two nodes did not come up"
}

case "${1:-}" in
    start) start ;;
    stop) stop ;;
    *) refuse "usage: $0 start|stop" ;;
esac
