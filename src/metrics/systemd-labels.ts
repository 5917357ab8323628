import { LabelSet } from "../domain/label-set.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { ManagerRecord } from "../state/containers/user-manager.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";

const upLabels = new WeakMap<ManagerRecord, { transport: string; labels: LabelSet }>();

/** Labels `container`, `user`, `transport`: without `container` for the host, without `user` for the system's. */
export function upLabelsOf(record: ManagerRecord): LabelSet {
  const { isHost, name } = record.identity;
  const transport = record.systemd.transport ?? (isHost === true ? "host" : "none");
  const known = upLabels.get(record);
  const isNamed = isHost === true || known?.labels.pairs[0]?.[1] === name;
  if (known?.transport === transport && isNamed) {
    return known.labels;
  }
  const labels = containerLabelOf(record).with([["transport", transport]]);
  upLabels.set(record, { transport, labels });
  return labels;
}

const containerLabel = new WeakMap<ManagerRecord["identity"], LabelSet>();

/** Labels `container` and `user`, as above. */
export function containerLabelOf(record: ManagerRecord): LabelSet {
  let labels = containerLabel.get(record.identity);
  if (labels === undefined) {
    const { name, isHost, user } = record.identity;
    const pairs = [
      ...(isHost === true ? [] : [["container", name] as const]),
      ...(user === undefined ? [] : [["user", user] as const]),
    ];
    labels = new LabelSet(pairs, record.labels.origin);
    containerLabel.set(record.identity, labels);
  }
  return labels;
}

const versionLabels = new WeakMap<LabelSet, LabelSet>();

/** Labels of the container, and `version`. */
export function versionLabelsOf({ labels: base }: ContainerRecord, version: string): LabelSet {
  let labels = versionLabels.get(base);
  if (labels?.pairs.at(-1)?.[1] !== version) {
    labels = base.with([["version", version]]);
    versionLabels.set(base, labels);
  }
  return labels;
}

const deviceLabels = new WeakMap<LabelSet, LabelSet>();

/** Labels of the container, and `device`. */
export function deviceLabelsOf({ labels: base }: ContainerRecord, device: string): LabelSet {
  let labels = deviceLabels.get(base);
  if (labels?.pairs.at(-1)?.[1] !== device) {
    labels = base.with([["device", device]]);
    deviceLabels.set(base, labels);
  }
  return labels;
}

const infoLabels = new WeakMap<LabelSet, { subtype: string; labels: LabelSet }>();

/** Labels of the unit, and the type of a service, or of a mount's file system. */
export function infoLabelsOf({ labels: base, type }: UnitRecord, subtype: string): LabelSet {
  const known = infoLabels.get(base);
  if (known?.subtype === subtype) return known.labels;
  const labels = base.with([
    ["mount_type", type === "mount" ? subtype : ""],
    ["service_type", type === "service" ? subtype : ""],
  ]);
  infoLabels.set(base, { subtype, labels });
  return labels;
}
