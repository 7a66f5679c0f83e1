#!/usr/bin/env bash
# Runs inside of new namespaces, as their first process: makes a root of its own in memory and becomes systemd there.
# Nothing of the machine is writable in it: /usr is below an overlay, and everything else is made here.
# box.sh DIR: DIR/root is an empty directory for the root; DIR/files is copied over it; DIR/bin goes to /usr/bin.
set -euo pipefail
dir=$1 root=$1/root
mount -t tmpfs -o mode=755,size=512m tmpfs "$root"
cd "$root"
mkdir -p usr etc/systemd/system var/log/journal var/lib/private var/cache/private run tmp proc sys dev root opt oldroot .upper .work
chmod 1777 tmp
chmod 700 root var/lib/private var/cache/private
for link in bin sbin lib lib64; do [[ -e /usr/$link ]] && ln -s "usr/$link" "$link"; done
ln -s ../run var/run
mount -t overlay -o "lowerdir=/usr,upperdir=$root/.upper,workdir=$root/.work" overlay usr
cp "$dir"/bin/* usr/bin/

cp /etc/nsswitch.conf /etc/ld.so.cache etc/
[[ -d /etc/alternatives ]] && cp -a /etc/alternatives etc/
printf '%s\n' root:x:0:0:root:/root:/bin/bash nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin \
  alice:x:2001:2001::/nonexistent:/bin/sh mallory:x:2002:2002::/nonexistent:/bin/sh >etc/passwd
printf '%s\n' root:x:0: nogroup:x:65534: haproxy:x:900: alice:x:2001: mallory:x:2002: >etc/group
echo warden-box >etc/hostname
echo 127.0.0.1 localhost warden-box >etc/hosts
echo 0123456789abcdef0123456789abcdef >etc/machine-id # else every service that there is gets enabled
cp -a --no-preserve=ownership "$dir"/files/. .

mount -t proc proc proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,size=1m tmpfs dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
touch dev/console
mount --bind /dev/null dev/console
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs dev/shm
mount -t tmpfs -o mode=755,size=64m tmpfs run
ip link set lo up
pivot_root . oldroot
cd /
umount -l /oldroot
rmdir /oldroot
# As on a machine: what systemd mounts for a service (its credentials) must reach that. Nothing reaches the machine, whose
# mounts were cut off before the root was changed.
mount --make-rshared /
exec env -i container=warden-box PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system --unit=box.target
