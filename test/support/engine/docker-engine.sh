# For private-engine.sh: docker. $dir has the configurations of both daemons.

prepare() {
  mkdir -p /etc/docker
  mount -t tmpfs -o mode=755 tmpfs /etc/docker
  containerd --config "$dir/containerd.toml" >>"$dir/containerd.log" 2>&1 </dev/null &
}

daemon() {
  exec dockerd --config-file "$dir/daemon.json"
}
