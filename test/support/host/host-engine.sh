# For private-engine.sh: a host with a runtime of containers and no engine's API. $dir/kind names the
# runtime; its daemon, if it has one, is the daemon here.

prepare() {
  kind=$(cat "$dir/kind")
  # systemd-nspawn wants one.
  echo 0123456789abcdef0123456789abcdef >/etc/machine-id
  : >/etc/resolv.conf
  echo 127.0.0.1 localhost >/etc/hosts
  mkdir -p /nodes /var/lib/lxc /var/lib/machines /etc/containerd
  mount -t tmpfs -o mode=755 tmpfs /nodes
  mkdir /nodes/image
  tar -C /nodes/image -xf "$dir/node.tar"
  case $kind in
    containerd)
      mkdir -p /var/lib/containerd
      mount -t tmpfs -o mode=711 tmpfs /var/lib/containerd
      ;;
  esac
  : >"$dir/ready"
}

daemon() {
  case $(cat "$dir/kind") in
    containerd) exec containerd --config "$dir/containerd.toml" ;;
    *) exec sleep infinity ;;
  esac
}
