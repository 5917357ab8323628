/** A difference between a series of another exporter and ours that is on purpose. */
export interface Difference {
  /** Name of their metric. */
  readonly metric: string;
  /** The shown difference, and its reason: a cell of a table. */
  readonly reason: string;
  /** True if this difference explains their value beside ours; ours is undefined if it is absent. */
  readonly explains: (theirs: number, ours: number | undefined) => boolean;
}

/** systemd's largest number, which means that it has no value, as a double. */
const NO_VALUE = 2 ** 64;

const noAccounting = (metric: string): Difference => ({
  metric,
  reason: "they show 1.8e19 for a service without IP accounting; here it is absent",
  explains: (theirs: number, ours: number | undefined): boolean =>
    theirs === NO_VALUE && ours === undefined,
});
const SINCE_WATCHED = {
  reason:
    "they show systemd's NRestarts, which systemd sets back at will; here it counts since the watch began, and is never set back",
  explains: (theirs: number, ours = 0): boolean => ours !== theirs,
};

/** systemd_exporter 0.7, with its collectors of restarts and of IP accounting on. */
export const SYSTEMD_EXPORTER: readonly Difference[] = [
  ...[
    "systemd_service_ip_ingress_bytes",
    "systemd_service_ip_egress_bytes",
    "systemd_service_ip_ingress_packets_total",
    "systemd_service_ip_egress_packets_total",
  ].map(noAccounting),
  { metric: "systemd_service_restart_total", ...SINCE_WATCHED },
];

/** The collector `systemd` of node_exporter, whose names begin with `node_`. */
export const NODE_EXPORTER: readonly Difference[] = [
  { metric: "node_systemd_service_restart_total", ...SINCE_WATCHED },
  {
    metric: "node_systemd_system_running",
    reason: 'it is `systemd_system_state{state="running"}` here, with all other states',
    explains: (_theirs, ours) => ours === undefined,
  },
  {
    metric: "node_systemd_units",
    reason:
      "they count units of the load state `not-found` too, such as one that another unit names and that doesn't exist",
    explains: (theirs, ours = 0) => theirs > ours,
  },
  {
    metric: "node_systemd_version",
    reason: "they have the version's number as the value; here the value is 1",
    explains: (_theirs, ours) => ours === undefined || ours === 1,
  },
  {
    metric: "node_systemd_unit_state",
    reason:
      "their label `type` is the type of a service, such as `oneshot`; here it is the unit's suffix, and `systemd_unit_info` has the other",
    // The comparison leaves the label out, and finds no other difference.
    explains: () => false,
  },
];
