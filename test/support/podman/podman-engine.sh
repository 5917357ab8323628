# For private-engine.sh: podman, with its API by `podman system service`. If $dir/packages exists,
# podman isn't installed, and runs from there with all that it needs.

prepare() {
  if [ -e "$dir/unified" ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  fi
  [ -d "$dir/packages" ] || return 0
  mount -t overlay -o "lowerdir=$dir/packages/usr:/usr" overlay /usr
  mount -t overlay -o "lowerdir=$dir/packages/etc:/etc" overlay /etc
}

daemon() {
  export HOME="$dir" CONTAINERS_CONF="$dir/containers.conf" PODMAN_IGNORE_CGROUPSV1_WARNING=1
  exec podman --root "$dir/storage" --runroot "$dir/run" --tmpdir "$dir/tmp" \
    --storage-driver "$(cat "$dir/driver")" system service --time=0 "unix://$dir/podman.sock"
}
