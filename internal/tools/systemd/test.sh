#!/usr/bin/env bash
# `make systemd-test`: warden's unit under a real systemd, in a box of namespaces that nothing of this machine is
# writable in. Needs root, systemd 252 or later, haproxy, python3 and overlayfs. It takes about five minutes, most of them
# waiting for watchdogs. KEEP=1 leaves the box's journal behind when a check failed.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPO=$(cd "$HERE/../../.." && pwd)
. "$HERE/lib.sh"

((EUID == 0)) || die "needs root, for a box with a systemd of its own: run it as root, or in a virtual machine"
for program in unshare nsenter setpriv pgrep findmnt ip haproxy python3 /lib/systemd/systemd; do
  command -v "$program" >/dev/null || die "$program is missing: apt-get install systemd util-linux procps iproute2 haproxy python3"
done

work=$(mktemp -d /var/tmp/warden-box.XXXXXX)
chmod 755 "$work"
finish() {
  local status=$?
  set +e # whatever fails here, the rest is to be cleaned up
  trap - EXIT INT TERM
  if ((status != 0 || FAILED > 0)) && [[ -n ${INIT:-} && ${KEEP:-} ]]; then
    journal -o short-monotonic >"$REPO/bin/systemd-test.journal" 2>/dev/null && say "the box's journal is in bin/systemd-test.journal" >&2
  fi
  box_close
  rm -rf "$work"
  [[ ! -e $work ]] || say "systemd-test: $work could not be removed" >&2
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir -p "$work"/{root,bin} "$work"/files/etc/{systemd/system,sysusers.d,tmpfiles.d,warden,ssl} "$work"/files/run
cd "$REPO"
CGO_ENABLED=0 go build -trimpath -o "$work/bin/warden" ./cmd/warden
CGO_ENABLED=0 go build -trimpath -tags failpoints -o "$work/bin/warden-failpoints" ./cmd/warden
cp deploy/warden.service "$work/files/etc/systemd/system/"
cp deploy/warden.sysusers "$work/files/etc/sysusers.d/warden.conf"
cp deploy/warden.tmpfiles "$work/files/etc/tmpfiles.d/warden.conf"
echo nameserver 127.0.0.1 >"$work/files/etc/resolv.conf"
cat >"$work/files/etc/systemd/system/box.target" <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
UNIT
box_open "$work"
say "$(box systemctl --version | head -n1)"

# ---------------------------------------------------------------- the box's world
box mkdir -p /run/haproxy /usr/local/lib/warden /etc/default
put /usr/local/lib/warden/slow 755 <"$HERE/box/slow"
put /run/world.py 644 <"$HERE/box/world.py"
put /run/haproxy.cfg 644 <"$HERE/box/haproxy.cfg"
box install -m 4755 /usr/bin/id /usr/local/bin/suid-id
box systemd-run -q --unit=world /usr/bin/python3 /run/world.py
box systemd-run -q --unit=lb /usr/sbin/haproxy -W -db -f /run/haproxy.cfg
box sed -i 's/^warden:.*/&alice/' /etc/group
# What differs from the unit as shipped: the load balancer's group, and less patience, so that this doesn't take an hour.
box mkdir -p /etc/systemd/system/warden.service.d
put /etc/systemd/system/warden.service.d/10-haproxy.conf 644 <"$REPO/deploy/warden.service.d/10-haproxy.conf"
dropin() { # NAME, and the lines on the standard input
  put "/etc/systemd/system/warden.service.d/$1.conf" 644
  box systemctl daemon-reload
}
drop() {
  box rm -f "/etc/systemd/system/warden.service.d/$1.conf"
  box systemctl daemon-reload
}
box systemctl daemon-reload

config() { sed -e '' "$@" "$HERE/box/warden.toml" | put /etc/warden/warden.toml 644; }
active() { [[ $(show ActiveState) == active ]]; }
status_like() { [[ $(show StatusText) == $1 ]]; } # shellcheck disable=SC2053
restarted() { [[ $(show NRestarts) == "$1" ]] && active; }
hash_now() { as alice warden status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["config_hash"])'; }
up() { active && as alice warden status >/dev/null; }
leads() { up && status_like 'leader*' && [[ $(show StatusText) != *replaying* ]]; }
# run ACTION HOST [FLAGS] as a person.
run() {
  local action=$1 host=$2
  shift 2
  as alice warden run "$action" "$host" --reason test --yes --confirm "$host" "$@"
}
running() { box test -e "/run/warden/running.$1"; }

# ---------------------------------------------------------------- starting
check "the unit has nothing that systemd doesn't know" box sh -c 'out=$(systemd-analyze verify --man=no warden.service 2>&1 | grep -i warden || true); echo "$out"; [ -z "$out" ]'
check "a start without a config is no failure" box systemctl start warden
same "and nothing runs" "inactive no" "$(show ActiveState) $(show ConditionResult)"
check "a place for the freeze file is there before the first start" box test -d /run/warden
config -e '/token_file/d'
same "no credential is there" "" "$(box ls /etc/warden/credentials)"
check "it starts without any credential" box systemctl start warden
within 60 "STATUS says how it is" leads
say "     $(show StatusText)"
same "modes and owners" "$(printf '%s\n' '700 warden:warden' '750 warden:warden' '750 warden:warden' '640 warden:warden' '660 warden:warden' '700 root:root')" \
  "$(box stat -c '%a %U:%G' /var/lib/warden /run/warden /var/log/warden /var/log/warden/audit.jsonl /run/warden/warden.sock /etc/warden/credentials)"
check "nothing in the state directory is for others" box sh -c '! find /var/lib/warden -perm /007 -type f | grep .'
check "a member of the group may use the socket" as alice warden status
refused "others may not" as mallory warden status
check "a member of the group may read and verify the audit files" as alice warden audit verify
like "and what was done is in them" '*made the cluster*' "$(as alice warden audit tail --utc -n 1000 2>&1)"
refused "others may not read them" as mallory warden audit tail --path /var/log/warden

box systemctl stop warden
box mv /etc/warden/credentials /etc/warden/credentials.away
check "it starts without a directory for them" box systemctl start warden
box mv /etc/warden/credentials.away /etc/warden/credentials

# ---------------------------------------------------------------- reloading
within 60 "it leads again" leads
before=$(hash_now)
config -e '/token_file/d' -e 's/max_concurrent .*/max_concurrent = 2/'
check "systemctl reload takes a good file" box systemctl reload warden
check "and the daemon has it as soon as that returns" eval '[[ $(hash_now) != "$before" ]]'
check "it is active again after RELOADING=1" active
before=$(hash_now)
config -e '/token_file/d' -e 's/max_concurrent/max_concurrrent/'
refused "systemctl reload refuses a bad file" box systemctl reload warden
line=$(grep -n max_concurrent "$HERE/box/warden.toml" | cut -d: -f1)
check "the journal names the line" box sh -c "journalctl -q -u warden -o cat | grep 'warden.toml:$((line - 1)):.*max_concurrrent'"
same "the daemon goes on with the old one" "$before active 0" "$(hash_now) $(show ActiveState) $(show NRestarts)"
refused "it heard nothing of it" box sh -c "journalctl -q -u warden -o cat | grep 'was not reloaded'"
config
refused "a reload to a credential that isn't there fails" box systemctl reload warden
check "and names it" box sh -c "journalctl -q -u warden -o cat | grep 'sources.prometheus.token_file.*no such file'"

# ---------------------------------------------------------------- credentials
printf 'tok-1234' | put /etc/warden/credentials/prometheus-token 600
check "a credential comes with a restart" box systemctl restart warden
within 60 "and reaches the source" box grep -qx 'Bearer tok-1234' /run/world.token
check "reloads find it, too" box systemctl reload warden
same "its copy is for warden alone" "400 warden" "$(box stat -c '%a %U' /run/credentials/warden.service/warden_prometheus-token)"
refused "it is in no environment and in no log" box sh -c 'grep -a tok-1234 /proc/$(systemctl show -P MainPID warden)/environ || journalctl -q -u warden | grep tok-1234'

# ---------------------------------------------------------------- the sandbox
within 60 "it leads" leads
check "an exec action runs in it" run slow web-1 --wait
report() { box sed -n "s/^$1 //p" /var/lib/warden/report; }
like "it is in the load balancer's group" 'yes*haproxy*' "$(report id)"
for may in haproxy dns tcp tmp fork; do like "it may: $may" 'yes*' "$(report $may)"; done
for no in etc usr home chown raw unshare credentials; do like "it may not: $no" 'no, exit*' "$(report $no)"; done
same "a setuid program gets no rights" "yes $(box id -u warden)" "$(report root)"
check "HAProxy is acted on" run drain web-2 --wait
check "and it drains" box python3 -c '
import socket
s = socket.socket(socket.AF_UNIX); s.connect("/run/haproxy/admin.sock"); s.sendall(b"show servers state be_web\n")
line = [l.split() for l in iter(s.makefile().readline, "") if " web-2 " in l][0]
assert int(line[6]) & 0x08, line'
exposure=$(box systemd-analyze security --no-pager warden.service | sed -n 's/.*exposure level for warden.service: \([0-9.]*\).*/\1/p')
check "exposure is 2.0 at most ($exposure)" awk "BEGIN { exit !($exposure <= 2.0) }"

# ---------------------------------------------------------------- stopping
dropin 90-hurry <<<$'[Service]\nTimeoutStopSec=3s\nRestartSec=500ms\nWatchdogSec=4s'
box systemctl restart warden
within 60 "it leads" leads
began=$SECONDS
check "it stops" box systemctl stop warden
same "cleanly" "success 0" "$(show Result) $(show ExecMainStatus)"
box systemctl start warden
within 60 "it leads" leads
echo 15 | put /run/warden/slow 644
check "an effect of 15 s begins" run slow web-3
within 30 "and runs" running web-3
began=$SECONDS
check "a stop waits for it, whatever TimeoutStopSec says" box systemctl stop warden
check "it came to its end" box test -e /var/lib/warden/done.web-3
like "the stop took longer than TimeoutStopSec ($((SECONDS - began)) s of 3)" '[1-9]*' "$(((SECONDS - began) / 6))"
same "and was a clean one" "success 0" "$(show Result) $(show ExecMainStatus)"
box systemctl start warden
within 60 "it leads" leads
check "the end is committed" box sh -c 'warden cases --json | python3 -c "
import json, sys
c = [c for c in json.load(sys.stdin)[\"cases\"] if c[\"host\"] == \"web-3\"]
print(c)
assert c and c[0][\"stage\"] not in (\"executing\", \"unknown\") and not [x for x in c if x.get(\"outcome\") == \"unknown\"], c"'
box touch /run/warden/freeze
within 30 "the freeze file is seen" status_like '*FROZEN*'
box systemctl restart warden
within 60 "it is still frozen after a restart" status_like '*FROZEN*'
check "the audit files are whole behind stops and restarts" as alice warden audit verify
box rm /run/warden/freeze
as alice warden unfreeze --yes >/dev/null 2>&1 || true

# ---------------------------------------------------------------- crashing and hanging
box systemctl reset-failed warden 2>/dev/null || true
box systemctl restart warden
within 60 "it leads" leads
n=$(show NRestarts)
box kill -KILL "$(show MainPID)"
within 60 "kill -9: it is there again" restarted $((n + 1))
within 60 "and leads" leads
n=$(show NRestarts)
box kill -STOP "$(show MainPID)"
within 60 "SIGSTOP: the watchdog ends it, and it is there again" restarted $((n + 1))
check "the journal says watchdog" box sh -c "journalctl -q -u warden | grep 'Watchdog timeout'"
within 60 "and it leads" leads

# An evaluation that hangs, the process being lively: the failpoint holds the engine's lock.
config -e 's/timeout   = "120s"/timeout   = "5s"/'
dropin 91-failpoints <<<$'[Service]\nEnvironment=WARDEN_FAILPOINT=before-start=hang\nExecStart=\nExecStart=/usr/bin/warden-failpoints agent --config.file=/etc/warden/warden.toml --storage.path=${STATE_DIRECTORY}'
box systemctl reset-failed warden 2>/dev/null || true
box systemctl restart warden
within 60 "a build that can hang leads" leads
n=$(show NRestarts)
run slow web-4 >/dev/null 2>&1 &
within 240 "a hung evaluation is noticed" box sh -c "journalctl -q -u warden -o cat | grep 'warden is stuck.*evaluation has not moved'"
within 60 "and ended by the watchdog" restarted $((n + 1))
wait $! || true
check "all goroutines are in the journal" box sh -c "journalctl -q -u warden -o cat | grep '^SIGABRT: abort' && journalctl -q -u warden -o cat | grep 'engine.(\*Engine)'"
drop 91-failpoints
box systemctl reset-failed warden 2>/dev/null || true
box systemctl restart warden
within 60 "it leads" leads
check "kill -9, watchdogs and a SIGABRT left the audit files whole" as alice warden audit verify
box systemctl stop warden
box chown root: /var/log/warden/audit.jsonl
refused "audit files that aren't warden's keep it from starting" box systemctl start warden
check "and the journal names the file" box sh -c "journalctl -q -u warden -o cat | grep '/var/log/warden'"
box systemctl stop warden
box chown warden: /var/log/warden/audit.jsonl
box systemctl reset-failed warden 2>/dev/null || true

# ---------------------------------------------------------------- one of three
# The unit is n1; n2 and n3 are the same binary beside it, with directories of their own. Its key is a credential.
box systemctl stop warden
box mv /var/lib/warden /var/lib/warden.good
box sh -c 'cd /run && mkdir tls && cd tls && { warden -q operator tls ca create && warden -q operator tls cert create n1 n2 n3; } >/dev/null && chown -R warden: .'
box sh -c 'mkdir -p /etc/warden/tls && cp /run/tls/ca.crt /run/tls/n1.crt /etc/warden/tls/ && chmod 644 /etc/warden/tls/* && install -m 600 /run/tls/n1.key /etc/warden/credentials/cluster-tls-key'
peers='peers = ["n1=127.0.0.1:9724", "n2=127.0.0.1:9725", "n3=127.0.0.1:9726"]'
cluster() { # CERT KEY
  printf '\n[cluster]\n%s\ntls_ca_file = "/etc/warden/tls/ca.crt"\ntls_cert_file = "%s"\ntls_key_file = "%s"\ntiming = "lan"\n' "$peers" "$1" "$2"
}
# Its audit files lie in its data directory, and so in another place than those of the node that it was.
{ sed -e '/token_file/d' -e '/^\[audit\]/,$d' "$HERE/box/warden.toml" && cluster /etc/warden/tls/n1.crt cluster-tls-key; } | put /etc/warden/warden.toml 644
echo 'WARDEN_ARGS=--node.name=n1' | put /etc/default/warden 644
for n in 2 3; do
  { sed -e '/token_file/d' -e '/^\[audit\]/,$d' "$HERE/box/warden.toml" && cluster "/run/tls/n$n.crt" "/run/tls/n$n.key"; } | put "/run/tls/n$n.toml" 644
done
other() { # N starts the other node of that number
  box systemd-run -q --unit="n$1" -p User=warden -p StateDirectory="n$1" -p SupplementaryGroups=haproxy /usr/bin/warden agent --config.file="/run/tls/n$1.toml" \
    --storage.path="/var/lib/n$1" --web.socket="/run/tls/n$1.sock" --web.listen-address= --node.name="n$1"
}
box systemctl reset-failed warden 2>/dev/null || true
check "a node of three starts alone: it is ready without a leader" box systemctl start warden
within 60 "and says so" status_like 'no leader*'
sleep 10 # more than two watchdogs: nothing is waited for
same "which is no reason for a watchdog" "active 0" "$(show ActiveState) $(show NRestarts)"
other 2
other 3
within 120 "it is one of three" status_like '*3 voters*'
within 60 "under a leader, or leading" eval '[[ $(show StatusText) != "no leader"* && $(show StatusText) != *replaying* ]]'
say "     $(show StatusText)"
sleep 10 # a quiet follower, or a leader without traffic
same "that nothing happens is no reason either" "active 0" "$(show ActiveState) $(show NRestarts)"
check "a reload works on it" box systemctl reload warden
box systemctl kill --kill-whom=all -s KILL n2 n3
within 60 "the others die: it does nothing" status_like 'no leader*'
sleep 10
same "and stays up" "active 0" "$(show ActiveState) $(show NRestarts)"
check "it is read all the same" as alice warden status
check "and stops" box systemctl stop warden
same "cleanly" "success 0" "$(show Result) $(show ExecMainStatus)"
box sh -c 'rm -rf /var/lib/warden /etc/default/warden && mv /var/lib/warden.good /var/lib/warden'
config -e '/token_file/d'

# ---------------------------------------------------------------- giving up, and sudo
box systemctl start warden
within 60 "it leads" leads
box systemctl stop warden
box sh -c 'mv /var/lib/warden /var/lib/warden.good && mkdir /var/lib/warden && touch /var/lib/warden/raft && chown -R warden: /var/lib/warden'
box systemctl reset-failed warden 2>/dev/null || true
box systemctl start --no-block warden
within 120 "one that can't start stays down in the end" eval '[[ $(show ActiveState) == failed ]]'
like "after as many starts as the unit allows" '10' "$(show NRestarts)"
box sh -c 'rm -rf /var/lib/warden && mv /var/lib/warden.good /var/lib/warden && chown warden: /var/lib/warden'
box systemctl reset-failed warden 2>/dev/null || true
put /etc/systemd/system/warden.service.d/20-exec-sudo.conf 644 <"$REPO/deploy/warden.service.d/20-exec-sudo.conf"
box systemctl daemon-reload
check "it starts with the drop-in for sudo" box systemctl start warden
within 60 "and leads" leads
echo 0 | put /run/warden/slow 644
box rm -f /var/lib/warden/report
check "an action runs" run slow web-5 --wait
same "now a setuid program gets its rights" "yes 0" "$(report root)"
check "it stops" box systemctl stop warden

say "$((CHECKS - FAILED)) of $CHECKS checks passed in $SECONDS s"
((FAILED == 0))
