#!/bin/sh
# host-node.sh KIND ACTION NAME [COMMAND...]: containers of a host without an engine's API.
#
#   start    starts a container with systemd, or with COMMAND as PID 1
#   pid      prints its PID 1 in this pid namespace; nothing if it doesn't run
#   exec     runs COMMAND in it
#   kill     kills its PID 1 and waits for its end
set -eu
kind=$1
action=$2
name=$3
shift 3
cgroup=/machine.slice/systemd-nspawn@$name.service

lay_root() {
  [ -e "/nodes/$name/tree" ] && return 0
  mkdir -p "/nodes/$name/upper" "/nodes/$name/work" "/nodes/$name/tree"
  layers=lowerdir=/nodes/image,upperdir=/nodes/$name/upper,workdir=/nodes/$name/work
  mount -t overlay -o "$layers" overlay "/nodes/$name/tree"
}

start() {
  lay_root
  [ $# -gt 0 ] || set -- /sbin/init
  case $kind in
    lxc)
      mkdir -p "/var/lib/lxc/$name"
      cat >"/var/lib/lxc/$name/config" <<EOF
lxc.rootfs.path = dir:/nodes/$name/tree
lxc.uts.name = $name
lxc.net.0.type = empty
lxc.apparmor.profile = unconfined
lxc.cap.drop = sys_module
lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed
lxc.tty.max = 0
EOF
      lxc-start -n "$name" -- "$@"
      ;;
    nspawn)
      # As systemd-nspawn@.service: systemd puts it into this cgroup, and delegates that.
      for root in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
        [ -e "$root/cgroup.procs" ] && mkdir -p "$root$cgroup"
      done
      boot=--as-pid2
      [ "$1" = /sbin/init ] && boot=--boot && shift
      (
        for root in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
          [ ! -e "$root$cgroup/cgroup.procs" ] || echo 0 >"$root$cgroup/cgroup.procs"
        done
        exec setsid systemd-nspawn "$boot" --quiet --register=no --keep-unit --private-network \
          --machine="$name" --directory="/nodes/$name/tree" "$@"
      ) >"/nodes/$name/console" 2>&1 </dev/null &
      ;;
    containerd)
      ctr run --detach --rootfs --cap-add CAP_SYS_ADMIN --env container=docker \
        --env PATH=/usr/sbin:/usr/bin:/sbin:/bin --cgroup "/default/$name" \
        --mount type=bind,src=/sys/fs/cgroup,dst=/sys/fs/cgroup,options=rbind:rw \
        --mount type=tmpfs,src=tmpfs,dst=/run,options=mode=755:exec \
        --mount type=tmpfs,src=tmpfs,dst=/run/lock --mount type=tmpfs,src=tmpfs,dst=/tmp \
        "/nodes/$name/tree" "$name" "$@"
      ;;
  esac
}

pid() {
  case $kind in
    lxc) lxc-info -n "$name" -pH 2>/dev/null || true ;;
    nspawn)
      leader=$(pgrep -o -f "systemd-nspawn .*--machine=$name " || true)
      [ -z "$leader" ] || pgrep -o -P "$leader"
      ;;
    containerd) ctr task ls | sed -n "s/^$name  *\([1-9][0-9]*\) .*/\1/p" ;;
  esac
}

end() {
  first=$(pid)
  [ -z "$first" ] || kill -KILL "$first"
  case $kind in
    lxc) lxc-wait -n "$name" -s STOPPED ;;
    nspawn) while [ -n "$(pid)" ]; do sleep 0.05; done ;;
    containerd)
      while ctr task ls | grep -q "^$name .*RUNNING"; do sleep 0.05; done
      ctr task rm "$name" >/dev/null 2>&1 || true
      ctr container rm "$name" >/dev/null 2>&1 || true
      ;;
  esac
}

case $action in
  start) start "$@" ;;
  pid) pid ;;
  exec) exec nsenter --target="$(pid)" --mount --uts --ipc --net --pid --root --wd -- "$@" ;;
  kill) end ;;
esac
