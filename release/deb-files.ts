import manifest from "../package.json" with { type: "json" };

const NODE = "/usr/lib/unitwatch/node";
const MAIN = "/usr/lib/unitwatch/dist/main.js";
const UNIT = "unitwatch.service";

export interface ControlFields {
  readonly version: string;
  readonly arch: string;
  /** Size of all files. */
  readonly kibibytes: number;
}

/** Returns the file `control`. The libraries are those that Node.js 24 is linked with. */
export function control({ version, arch, kibibytes }: ControlFields): string {
  return `Package: unitwatch
Version: ${version}
Architecture: ${arch}
Maintainer: unitwatch maintainers <maintainers@unitwatch.invalid>
Installed-Size: ${kibibytes}
Depends: libc6 (>= 2.28), libgcc-s1 (>= 3.4), libstdc++6 (>= 5.2)
Recommends: docker.io | docker-ce | podman
Section: admin
Priority: optional
Description: metrics and logs of containers and of the systemd units in them
 unitwatch watches one container engine by its events: every container, and
 the systemd units in each container that runs systemd. Each change becomes
 Prometheus metrics on port 10558 and, where an endpoint is set, OpenTelemetry
 log records.
 .
 The package has the Node.js that it runs on, in /usr/lib/unitwatch/node, and
 uses no other one.
`;
}

/** Returns the shipped unit file with the paths of the package. @throws Error if it has others */
export function unitFile(text: string): string {
  const shipped = "/usr/bin/node /opt/unitwatch/dist/main.js";
  if (!text.includes(`ExecStart=${shipped}`)) throw new Error(`${UNIT} doesn't run ${shipped}`);
  const [head = ""] = /^(?:#.*\n)*/.exec(text) ?? [];
  return text
    .replace(
      head,
      "# /etc/default/unitwatch has flags as variables; `systemctl edit` changes the rest.\n",
    )
    .replace("[Unit]\n", "[Unit]\nDocumentation=man:unitwatch(1)\n")
    .replaceAll(shipped, `${NODE} ${MAIN}`);
}

export const LAUNCHER = `#!/bin/sh
exec ${NODE} ${MAIN} "$@"
`;

export const CONFFILE = `# Settings of unitwatch.service, read by systemd at its start. Each flag has a variable: unitwatch(1).
# \`systemctl restart unitwatch\` makes changes take effect.

#DOCKER_HOST=unix:///run/podman/podman.sock
#UNITWATCH_WEB_LISTEN_ADDRESS=127.0.0.1:10558
#UNITWATCH_WATCH_FILTER=label=com.docker.compose.project=dev
#OTEL_EXPORTER_OTLP_ENDPOINT=http://collector.example:4318
`;

export const COPYRIGHT = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: unitwatch
Comment: The licences of what is bundled are in
 /usr/lib/unitwatch/dist/third-party-licenses.txt, that of Node.js in
 /usr/share/doc/unitwatch/node.license.gz, and the others beside the files in
 /usr/lib/unitwatch/node_modules.

Files: *
Copyright: the unitwatch maintainers
License: ${manifest.license}
 On Debian systems, the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
`;

// As debhelper writes them, but a start doesn't wait: it would wait for the engine.
const POSTINST = `#!/bin/sh
set -e
case "$1" in
configure | abort-upgrade | abort-deconfigure | abort-remove) ;;
*) exit 0 ;;
esac

deb-systemd-helper unmask ${UNIT} >/dev/null || true
if deb-systemd-helper --quiet was-enabled ${UNIT}; then
  deb-systemd-helper enable ${UNIT} >/dev/null || true
else
  deb-systemd-helper update-state ${UNIT} >/dev/null || true
fi

[ -d /run/systemd/system ] || exit 0
systemctl --system daemon-reload >/dev/null || true
systemctl --quiet is-enabled ${UNIT} || exit 0
for group in $(systemctl show --property=SupplementaryGroups --value ${UNIT}); do
  if ! getent group "$group" >/dev/null; then
    echo "unitwatch: not started: no group $group. Install the engine, or set the group of its socket" \\
      "by 'systemctl edit unitwatch', then run 'systemctl start unitwatch'." >&2
    exit 0
  fi
done
if [ -x /usr/sbin/policy-rc.d ] && ! /usr/sbin/policy-rc.d unitwatch restart >/dev/null; then exit 0; fi
systemctl --no-block restart ${UNIT} || true
`;

const PRERM = `#!/bin/sh
set -e
# An upgrade restarts it when the new files are there.
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop ${UNIT} >/dev/null || true
fi
`;

const POSTRM = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl --system daemon-reload || true; fi
if [ "$1" = remove ] && [ -x /usr/bin/deb-systemd-helper ]; then
  deb-systemd-helper mask ${UNIT} >/dev/null || true
fi
if [ "$1" = purge ]; then
  if [ -x /usr/bin/deb-systemd-helper ]; then
    deb-systemd-helper purge ${UNIT} >/dev/null || true
    deb-systemd-helper unmask ${UNIT} >/dev/null || true
  fi
  # The queue and the resume point: StateDirectory= of a dynamic user, and the link to it.
  rm -rf /var/lib/private/unitwatch
  if [ -L /var/lib/unitwatch ]; then rm /var/lib/unitwatch; fi
fi
`;

/** Maintainer scripts, by name. */
export const SCRIPTS = { postinst: POSTINST, prerm: PRERM, postrm: POSTRM } as const;
