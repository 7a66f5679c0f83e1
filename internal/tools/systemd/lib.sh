# Sourced by test.sh: a box with a real systemd in it, and what is asked of it.

say() { printf '%s\n' "$*"; }
die() {
  say "systemd-test: $*" >&2
  exit 1
}

# box_open DIR starts the box and waits until its systemd answers.
box_open() {
  local mount
  mount=$(findmnt -n -t cgroup2 -o TARGET | head -n1)
  [[ -n $mount ]] || die "there is no cgroup2 file system here: mount one, or run this on another machine"
  CGROUP=$mount/warden-box-$$
  mkdir "$CGROUP"
  # The box is a child that puts itself into the cgroup; killing its first process kills everything in it.
  (
    echo "$BASHPID" >"$CGROUP/cgroup.procs"
    exec unshare --pid --fork --kill-child=SIGKILL --mount --propagation private --uts --ipc --net --cgroup "$HERE/box.sh" "$1"
  ) >"$1/box.log" 2>&1 &
  OUTER=$!
  local deadline=$((SECONDS + 60))
  until INIT=$(pgrep -P "$OUTER") && [[ -n $INIT ]] && box true 2>/dev/null && box systemctl is-active --quiet box.target 2>/dev/null; do
    ((SECONDS < deadline)) || die "the box doesn't come up: $(tail -n5 "$1/box.log")"
    kill -0 "$OUTER" 2>/dev/null || die "the box is gone: $(tail -n5 "$1/box.log")"
    sleep 0.1
  done
}

# box_close ends the box, whatever state it is in, and leaves nothing behind. SIGKILL, and never a shutdown, which
# would unmount what isn't the box's.
box_close() {
  [[ -n ${INIT:-} ]] && kill -KILL "$INIT" 2>/dev/null
  [[ -n ${OUTER:-} ]] && kill -KILL "$OUTER" 2>/dev/null
  [[ -n ${OUTER:-} ]] && wait "$OUTER" 2>/dev/null
  [[ -n ${CGROUP:-} && -d $CGROUP ]] || return 0
  for _ in {1..100}; do
    find "$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null
    [[ -d $CGROUP ]] || return 0
    sleep 0.1
  done
  say "systemd-test: $CGROUP could not be removed" >&2
}

# box COMMAND... runs a command as root in the box.
box() { nsenter -t "$INIT" -m -p -n -C -u -i -r -w env -i PATH=/usr/sbin:/usr/bin TERM=dumb "$@"; }
# as USER COMMAND...
as() {
  local user=$1
  shift
  box setpriv --reuid="$user" --regid="$user" --init-groups "$@"
}
show() { box systemctl show -P "$1" "${2:-warden}"; }
journal() { box journalctl -q -o cat --no-pager "$@"; }
# put PATH MODE writes what comes in on the standard input to a file of the box.
put() { box sh -c "cat >'$1' && chmod '$2' '$1'"; }

CHECKS=0 FAILED=0
ok() {
  CHECKS=$((CHECKS + 1))
  say "ok   $CHECKS $1"
}
failed() {
  CHECKS=$((CHECKS + 1)) FAILED=$((FAILED + 1))
  say "FAIL $CHECKS $1"
  shift
  [[ $# == 0 ]] || printf '%s\n' "$@" | sed 's/^/       /'
}
# check NAME COMMAND... passes when the command succeeds.
check() {
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then ok "$name"; else failed "$name" "$* failed:" "$out"; fi
}
# refused NAME COMMAND... passes when the command fails.
refused() {
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then failed "$name" "$* succeeded:" "$out"; else ok "$name"; fi
}
# same NAME WANT GOT
same() { if [[ $2 == "$3" ]]; then ok "$1 ($3)"; else failed "$1" "want: $2" "got:  $3"; fi; }
# like NAME GLOB GOT
like() {
  # shellcheck disable=SC2053 # a pattern it is
  if [[ $3 == $2 ]]; then ok "$1"; else failed "$1" "want: $2" "got:  $3"; fi
}
# within SECONDS NAME COMMAND... passes as soon as the command succeeds.
within() {
  local deadline=$((SECONDS + $1)) name=$2 began=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    if ((SECONDS >= deadline)); then
      failed "$name" "not within $((SECONDS - began)) s: $*" "$("$@" 2>&1)"
      return
    fi
    sleep 0.2
  done
  ok "$name"
}
