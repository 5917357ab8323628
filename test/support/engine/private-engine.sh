#!/bin/sh
# Runs a container engine in its own mount and pid namespaces. DIR/engine.sh defines the engine with
# two functions: "prepare" mounts and starts what its daemon needs, "daemon" executes the daemon.
#
#   private-engine.sh run DIR CGROUP     as pid 1 of new namespaces (unshare -m -p -f --mount-proc)
#   private-engine.sh sweep DIR CGROUP   in a new mount namespace, after "run" has ended
#
# If DIR/root exists, the engine runs from there: a root folder with unpacked packages of any Debian
# suite. It stays as it is, and the machine's own packages are neither read nor changed.
#
# "run" reads commands from stdin, one a line (start, stop, kill), and prints "exited STATUS" to
# stdout when the daemon has ended. When stdin ends, pid 1 ends; the kernel then kills every process
# in the namespace (daemons, shims, containers) and removes the mounts.
set -eu

mode=$1
dir=$2
cgroup=$3

# containerd detects an OOM through the memory hierarchy, and runc requires each controller that the
# kernel has; a host may have mounted only some. Each hierarchy is mounted again under a fresh
# tmpfs, with the controllers that already share one kept together. cgroup v2 needs none of it.
mount_cgroups() {
  [ -e /sys/fs/cgroup/cgroup.controllers ] && return
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  awk '!/^#/ && $4 == 1 {
    id = $2 == 0 ? "new" NR : $2
    names[id] = names[id] == "" ? $1 : names[id] "," $1
  } END { for (id in names) print names[id] }' /proc/cgroups |
    while read -r controllers; do
      mkdir "/sys/fs/cgroup/$controllers"
      mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers"
      for controller in $(echo "$controllers" | tr , ' '); do
        [ -e "/sys/fs/cgroup/$controller" ] || ln -s "$controllers" "/sys/fs/cgroup/$controller"
      done
    done
  mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
  mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
  mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
}

# A frozen process of a v1 freezer can't be killed: paused containers would block pid 1 for ever.
thaw() {
  [ -d "/sys/fs/cgroup/freezer/$cgroup" ] || return 0
  find "/sys/fs/cgroup/freezer/$cgroup" -name freezer.state | while read -r state; do
    echo THAWED >"$state" || true
  done
}

sweep_cgroups() {
  for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -L "$root" ] || [ ! -d "$root/$cgroup" ] || find "$root/$cgroup" -depth -type d -exec rmdir {} +
  done
  [ -e "$dir/cgroups" ] || return 0
  # Cgroups of runtimes that name them themselves, one a line; another run may have the same parent.
  while read -r name; do
    for root in /sys/fs/cgroup /sys/fs/cgroup/*; do
      [ -L "$root" ] || [ ! -d "$root/$name" ] ||
        find "$root/$name" -depth -type d -exec rmdir {} + 2>/dev/null || true
    done
  done <"$dir/cgroups"
}

# Makes the unpacked root, writable in memory, the root of this namespace; DIR stays where it is.
enter_root() {
  [ -e "$dir/root" ] || return 0
  tree=$dir/tree
  mkdir "$dir/layer" "$tree"
  mount -t tmpfs tmpfs "$dir/layer"
  mkdir "$dir/layer/upper" "$dir/layer/work"
  layers=lowerdir=$(readlink -f "$dir/root"),upperdir=$dir/layer/upper,workdir=$dir/layer/work
  mount -t overlay -o "$layers" overlay "$tree"
  for folder in proc sys dev; do mount --rbind "/$folder" "$tree/$folder"; done
  cp /etc/passwd /etc/group "$tree/etc/"
  # $dir/shown has paths of the machine that stay too, one a line.
  { echo "$dir"; cat "$dir/shown" 2>/dev/null || true; } | while read -r path; do
    mkdir -p "$tree${path%/*}"
    if [ -d "$path" ]; then mkdir -p "$tree$path"; else : >"$tree$path"; fi
    mount --bind "$path" "$tree$path"
  done
  mkdir "$tree/old"
  cd "$tree"
  pivot_root . old
  umount -l /old
}

run_daemon() {
  daemon >>"$dir/daemon.log" 2>&1 &
  echo $! >"$dir/daemon.launched"
  status=0
  wait $! || status=$?
  echo "exited $status"
}

obey() {
  while read -r command; do
    case $command in
      start) run_daemon </dev/null & ;;
      stop) kill -TERM "$(cat "$dir/daemon.launched")" || true ;;
      kill) kill -KILL "$(cat "$dir/daemon.launched")" || true ;;
    esac
  done
  thaw
}

mount_cgroups
case $mode in
  sweep) sweep_cgroups ;;
  run)
    enter_root
    # Engines always write under /run; this keeps the host's unchanged.
    mount -t tmpfs -o mode=755 tmpfs /run
    . "$dir/engine.sh"
    prepare
    exec 3<&0
    obey <&3 &
    # Waiting also reaps the orphans that become pid 1's: the shims.
    wait $!
    ;;
esac
