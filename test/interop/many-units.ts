const SLEEP = "ExecStart=sleep infinity\n";

/** Settings of services, by a word of the name. */
const SERVICES: Readonly<Record<string, string>> = {
  simple: `[Service]\n${SLEEP}`,
  exec: `[Service]\nType=exec\n${SLEEP}`,
  idle: `[Service]\nType=idle\n${SLEEP}`,
  notify:
    "[Service]\nType=notify\nNotifyAccess=all\nExecStart=sh -c 'systemd-notify --ready; exec sleep infinity'\n",
  forking: "[Service]\nType=forking\nExecStart=sh -c 'sleep infinity &'\n",
  oneshot: "[Service]\nType=oneshot\nExecStart=true\n",
  remains: "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n",
  starting: "[Service]\nType=oneshot\nTimeoutStartSec=infinity\nExecStart=sleep infinity\n",
  reads: `[Service]\nIOAccounting=yes\n${SLEEP}`,
  counted: `[Service]\nCPUAccounting=yes\nMemoryAccounting=yes\nTasksAccounting=yes\n${SLEEP}`,
  uncounted: `[Service]\nCPUAccounting=no\nMemoryAccounting=no\nTasksAccounting=no\n${SLEEP}`,
  network: `[Service]\nIPAccounting=yes\n${SLEEP}`,
  limited: `[Service]\nTasksMax=17\nMemoryMax=64M\n${SLEEP}`,
  unlimited: `[Service]\nTasksMax=infinity\n${SLEEP}`,
  exits: "[Service]\nExecStart=sh -c 'exit 3'\n",
  signalled: "[Service]\nExecStart=sh -c 'kill -9 $$'\n",
  missing: "[Service]\nExecStart=/nowhere/program\n",
  late: "[Service]\nType=notify\nTimeoutStartSec=100ms\nExecStart=sleep infinity\n",
  loop: "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=1min\n[Service]\nExecStart=false\nRestart=on-failure\nRestartSec=50ms\n",
  skipped: `[Unit]\nConditionPathExists=/nowhere\n[Service]\n${SLEEP}`,
  asserted: `[Unit]\nAssertPathExists=/nowhere\n[Service]\n${SLEEP}`,
  user: `[Service]\nUser=65534\n${SLEEP}`,
  sliced: `[Service]\nSlice=other.slice\n${SLEEP}`,
  bound: `[Unit]\nBindsTo=simple.service\nAfter=simple.service\n[Service]\n${SLEEP}`,
  dynamic: `[Service]\nDynamicUser=yes\n${SLEEP}`,
  bad: "[Service]\nType=oneshot\nRestart=always\nExecStart=true\nExecStart=\n",
};

const TIMERS: Readonly<Record<string, string>> = {
  once: "OnActiveSec=0",
  hourly: "OnCalendar=hourly",
  boot: "OnBootSec=1min",
  startup: "OnStartupSec=2min",
  after: "OnUnitActiveSec=1h",
  idle: "OnUnitInactiveSec=1h",
  persistent: "OnCalendar=daily\nPersistent=yes",
  random: "OnCalendar=weekly\nRandomizedDelaySec=1h",
  never: "OnCalendar=2040-01-01",
  often: "OnActiveSec=1h\nAccuracySec=1s",
};

const SOCKETS: Readonly<Record<string, string>> = {
  stream: "ListenStream=/run/t-stream\nAccept=yes",
  datagram: "ListenDatagram=/run/t-datagram",
  sequential: "ListenSequentialPacket=/run/t-seq\nAccept=yes",
  abstract: "ListenStream=@t-abstract\nAccept=yes",
  fifo: "ListenFIFO=/run/t-fifo",
  queue: "ListenMessageQueue=/t-queue",
  netlink: "ListenNetlink=kobject-uevent 1",
  tcp: "ListenStream=127.0.0.1:7001\nAccept=yes",
  udp: "ListenDatagram=127.0.0.1:7002",
  limited: "ListenStream=/run/t-limited\nAccept=yes\nMaxConnections=1",
};

const TEMPLATE = "[Service]\nStandardInput=socket\nExecStart=true\n";

/** Returns unit files of at least 60 kinds, by name. */
export function manyUnits(): Readonly<Record<string, string>> {
  const files: Record<string, string> = {
    "other.slice": "[Slice]\nCPUAccounting=yes\n",
    "template@.service": `[Service]\n${SLEEP}`,
    [String.raw`esc\x2daped\x20name.service`]: `[Service]\n${SLEEP}`,
    "wants.target": "[Unit]\nWants=simple.service\nAfter=simple.service absent.service\n",
    "alone.target": "[Unit]\nDescription=Alone\n",
    "exists.path": "[Path]\nPathExists=/nowhere\nUnit=oneshot.service\n",
    "changed.path": "[Path]\nPathChanged=/etc/hostname\nUnit=oneshot.service\n",
    "glob.path": "[Path]\nPathExistsGlob=/nowhere/*\nUnit=oneshot.service\n",
  };
  for (const [name, text] of Object.entries(SERVICES)) files[`${name}.service`] = text;
  for (const [name, text] of Object.entries(TIMERS)) {
    files[`t-${name}.timer`] = `[Timer]\n${text}\nUnit=remains.service\n`;
  }
  for (const [name, text] of Object.entries(SOCKETS)) {
    files[`s-${name}.socket`] = `[Socket]\n${text}\n`;
    files[text.includes("Accept") ? `s-${name}@.service` : `s-${name}.service`] = TEMPLATE;
  }
  return files;
}

/** Units to start. */
export const START: readonly string[] = [
  ...Object.keys(SERVICES)
    .filter((name) => name !== "starting")
    .map((name) => `${name}.service`),
  ...Object.keys(TIMERS).map((name) => `t-${name}.timer`),
  ...Object.keys(SOCKETS).map((name) => `s-${name}.socket`),
  "template@a.service",
  "template@b-c.service",
  String.raw`esc\x2daped\x20name.service`,
  "wants.target",
  "alone.target",
  "exists.path",
  "changed.path",
  "glob.path",
];
