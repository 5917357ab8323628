#!/bin/sh
# build.sh DISK KERNEL SUITE [MIRROR]: makes the disk of the virtual machine, and its initrd beside it.
#
# The guest is a Debian SUITE with docker, podman and network by qemu's user mode; KERNEL is a root
# folder with an unpacked kernel and busybox. To be run as root, in mount and pid namespaces of its
# own. The disk appears whole or not at all; it replaces those of other versions of this script.
set -eu
disk=$1
dir=$(dirname "$disk")
kernel=$2
suite=$3
mirror=${4:-}
guest=$dir/guest
packages=systemd,systemd-sysv,libpam-systemd,dbus,dbus-user-session,udev,kmod,iproute2,procps
packages=$packages,docker.io,docker-cli,containerd,runc
packages=$packages,podman,crun,fuse-overlayfs,uidmap,passt,slirp4netns

[ ! -e "$disk" ] || exit 0
if [ ! -e "$guest/complete" ]; then
  rm -rf "$guest"
  debootstrap --variant=minbase --include="$packages" "$suite" "$guest" ${mirror:+"$mirror"}
  touch "$guest/complete"
fi

# The initrd loads the disk's driver and mounts the disk.
initrd=$dir/initrd
rm -rf "$initrd"
mkdir -p "$initrd/bin" "$initrd/proc" "$initrd/dev" "$initrd/root"
cp "$kernel/usr/bin/busybox" "$initrd/bin/busybox"
ln -s busybox "$initrd/bin/sh"
modules=$(echo "$kernel"/usr/lib/modules/*)
driver=$(find "$modules" -name 'virtio_blk.ko*')
case $driver in
  *.xz) xz -dc "$driver" >"$initrd/virtio_blk.ko" ;;
  *) cp "$driver" "$initrd/virtio_blk.ko" ;;
esac
cat >"$initrd/init" <<'EOF'
#!/bin/sh
b=/bin/busybox
$b mount -t devtmpfs none /dev
$b mount -t proc none /proc
$b insmod /virtio_blk.ko
until [ -b /dev/vda ]; do $b sleep 0.1; done
$b mount -t ext4 -o rw /dev/vda /root || exec sh
$b mount --move /dev /root/dev
$b umount /proc
exec $b switch_root /root /sbin/init
EOF
chmod +x "$initrd/init"
(cd "$initrd" && find . | bin/busybox cpio -o -H newc) | gzip -1 >"$dir/initrd.img"

mkdir -p "$guest/usr/lib/modules"
cp -a "$modules" "$guest/usr/lib/modules/"
chroot "$guest" depmod "$(basename "$modules")"

# One address of qemu's user mode network.
cat >"$guest/etc/systemd/network/guest.network" <<'EOF'
[Match]
Type=ether
[Network]
Address=10.0.2.15/24
LinkLocalAddressing=no
EOF
# Docker's API on TCP; only this machine's loopback interface reaches it.
mkdir -p "$guest/etc/docker" "$guest/etc/containerd" "$guest/etc/systemd/system/docker.service.d"
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$guest/etc/containerd/config.toml"
echo '{"iptables":false,"ip6tables":false,"bridge":"none","live-restore":true}' >"$guest/etc/docker/daemon.json"
cat >"$guest/etc/systemd/system/docker.service.d/guest.conf" <<'EOF'
[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=
ExecStart=/usr/sbin/dockerd -H fd:// -H tcp://0.0.0.0:2375 --tls=false --containerd=/run/containerd/containerd.sock
Restart=no
EOF
# podman's API as an ordinary user, in the user's own systemd, which starts with lingering.
grep -q ^app: "$guest/etc/passwd" || chroot "$guest" useradd -m -u 1001 -s /bin/bash app
user=$guest/home/app/.config/systemd/user
mkdir -p "$user/default.target.wants"
cat >"$user/podman-api.service" <<'EOF'
[Service]
ExecStart=/usr/bin/podman system service --time=0 tcp:0.0.0.0:2376
Delegate=yes
KillMode=process
EOF
ln -sf ../podman-api.service "$user/default.target.wants/podman-api.service"
chroot "$guest" chown -R app:app /home/app/.config
# A shell for the host: a line in is a command. It ends at once while the host isn't connected. A port
# can be open only once: one descriptor reads and writes.
cat >"$guest/etc/systemd/system/host-shell.service" <<'EOF'
[Unit]
StartLimitIntervalSec=0
[Service]
RestartSec=500ms
ExecStart=/bin/sh -c 'exec sh <>/dev/virtio-ports/shell >&0 2>&1'
Restart=always
[Install]
WantedBy=multi-user.target
EOF
chroot "$guest" systemctl enable -q host-shell.service systemd-networkd.service docker.service
# Nothing else starts by itself: without KVM each command at the boot costs half a second.
for unit in getty@tty1.service serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer \
  e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer \
  apparmor.service systemd-networkd-wait-online.service systemd-pstore.service \
  systemd-udev-load-credentials.service kmod-static-nodes.service modprobe@configfs.service \
  modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service sys-kernel-debug.mount \
  sys-kernel-tracing.mount dev-hugepages.mount systemd-update-utmp.service; do
  ln -sf /dev/null "$guest/etc/systemd/system/$unit"
done
# docker's data with images, made outside.
rm -rf "$guest/var/lib/docker"
[ ! -e "$dir/docker" ] || cp -a "$dir/docker" "$guest/var/lib/docker"
echo guest >"$guest/etc/hostname"
echo overlay >"$guest/etc/modules-load.d/guest.conf"
: >"$guest/etc/machine-id"
rm -rf "$guest"/var/cache/apt/* "$guest"/var/lib/apt/lists/*

rm -f "$dir"/disk*
truncate -s 12G "$dir/disk.new"
mkfs.ext4 -q -F -E lazy_itable_init=1 -d "$guest" "$dir/disk.new"
mv "$dir/disk.new" "$disk"
