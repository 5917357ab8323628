import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { READING_GROUPS } from "../../src/domain/readings.ts";
import { unpackedPackage } from "../support/debian-command.ts";
import { attachEngine, describeEngine } from "../support/engine/attach.ts";
import type { Suite } from "../support/engine/images.ts";
import { startNode, type TestNode } from "../support/engine/node.ts";
import { eventually } from "../support/eventually.ts";
import type { Sample, Scrape } from "../support/exposition.ts";
import { goProgram } from "../support/go-program.ts";
import { slowMs } from "../support/slowness.ts";
import { startUnitwatch, type Unitwatch } from "../support/unitwatch.ts";
import { type Difference, NODE_EXPORTER, SYSTEMD_EXPORTER } from "./exporter-differences.ts";
import { manyUnits, START } from "./many-units.ts";

const BUILD_MS = 1_800_000;
const CLUSTER = "interopexp";
const MODULE = "github.com/prometheus-community/systemd_exporter";
const EXCLUDE = String.raw`.+\.(automount|device|mount|scope|slice|swap)`;

/** Another exporter in the node, beside unitwatch. */
interface Exporter {
  readonly name: string;
  readonly port: number;
  readonly args: readonly string[];
  readonly program: () => Promise<string>;
  readonly differences: readonly Difference[];
  /** Returns the name of our metric, and those of its labels that are compared. */
  readonly ours: (sample: Sample) => Pick<Sample, "name" | "labels">;
}

const EXPORTERS: readonly Exporter[] = [
  {
    name: "systemd_exporter",
    port: 9558,
    args: [
      "--web.listen-address=127.0.0.1:9558",
      "--systemd.collector.enable-restart-count",
      "--systemd.collector.enable-ip-accounting",
      `--systemd.collector.unit-exclude=${EXCLUDE}`,
    ],
    program: () =>
      // Without the list of its versions, which `go install PATH@VERSION` reads.
      goProgram({ path: MODULE, version: "v0.7.0", lacks: { module: MODULE, files: [] } }),
    differences: SYSTEMD_EXPORTER,
    ours: (sample) => sample,
  },
  {
    name: "node_exporter",
    port: 9100,
    args: [
      "--web.listen-address=127.0.0.1:9100",
      "--collector.disable-defaults",
      "--collector.systemd",
      "--collector.systemd.enable-restarts-metrics",
      "--collector.systemd.enable-start-time-metrics",
      "--collector.systemd.enable-task-metrics",
      `--collector.systemd.unit-exclude=${EXCLUDE}`,
    ],
    program: async () =>
      join(await unpackedPackage("prometheus-node-exporter"), "usr/bin/prometheus-node-exporter"),
    differences: NODE_EXPORTER,
    ours: ({ name, labels: { type: _type, ...labels } }) => ({
      name: name.replace("node_", ""),
      labels,
    }),
  },
];

/** Gets /metrics: a node has perl, and no other client. */
const GET = `my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die "$@\\n";
print $s "GET /metrics HTTP/1.0\\r\\n\\r\\n"; local $/; my $all = <$s>;
$all =~ /^HTTP\\S+ 200/ or die substr($all, 0, 200); $all =~ s/^.*?\\r\\n\\r\\n//s; print $all;`;

jest.setTimeout(slowMs(180_000));

/** Debian suites of the nodes. */
const SUITES = (process.env["UNITWATCH_EXPORTERS_SUITES"] ?? "bookworm,trixie").split(
  ",",
) as Suite[];

for (const suite of SUITES) {
  // The package of Debian 12 needs a newer C library than bullseye has.
  const exporters = EXPORTERS.filter(
    ({ name }) => suite !== "bullseye" || name !== "node_exporter",
  );
  describeEngine(`other exporters in a node beside unitwatch, on ${suite}`, () => {
    const stack = new AsyncDisposableStack();
    let node: TestNode;
    let unitwatch: Unitwatch;

    beforeAll(async () => {
      const programs = await Promise.all(exporters.map(({ program }) => program()));
      const engine = attachEngine();
      const labels = { "sind.cluster": CLUSTER };
      node = stack.use(await startNode(engine, { name: `${CLUSTER}-${suite}`, labels, suite }));
      for (const [name, text] of Object.entries(manyUnits())) {
        await node.exec(["sh", "-c", 'cat >"/etc/systemd/system/$1"', "sh", name], { input: text });
      }
      await node.systemctl("mask", "masked.service");
      await node.systemctl("daemon-reload");
      for (const unit of START) await node.tryExec(["systemctl", "start", "--", unit]);
      for (const [at, { name, args }] of exporters.entries()) {
        await engine.docker(["cp", programs[at] ?? "", `${node.id}:/usr/local/bin/${name}`]);
        await node.exec(["systemd-run", `--unit=${name}`, `/usr/local/bin/${name}`, ...args]);
      }
      unitwatch = stack.use(
        await startUnitwatch({
          host: engine.host,
          cluster: CLUSTER,
          args: [`--systemd.collect=${READING_GROUPS.join(",")}`],
        }),
      );
      await unitwatch.untilWatching(1);
    }, BUILD_MS);
    afterAll(() => stack.disposeAsync());

    test.each(exporters)("shows each series of $name with the same value", async (exporter) => {
      const { port, differences } = exporter;
      let count = 0;
      await eventually(async () => {
        const before = await unitwatch.scrape();
        const theirs = samplesOf(
          await node.exec(["perl", "-MIO::Socket::INET", "-e", GET, String(port)]),
        );
        const after = await untilNewer(unitwatch, before);
        const all = theirs.filter(({ name }) => /^(?:node_)?systemd_(?!exporter_)/.test(name));
        count = all.length;
        expect(
          all.flatMap((sample) => {
            const values = [before, after].map((scrape) => valueOf(scrape, exporter, sample));
            // A value that moves is between the two scrapes around it.
            if (isBetween(sample.value, values)) return [];
            const known = differences.filter(({ metric }) => metric === sample.name);
            const [ours] = values;
            return known.some(({ explains }) => explains(sample.value, ours))
              ? []
              : [{ sample, values }];
          }),
        ).toEqual([]);
      });
      expect(count).toBeGreaterThan(300);
      expect(Object.keys(manyUnits()).length).toBeGreaterThanOrEqual(60);
    });
  });
}

/** Returns a scrape with values that were queried later: systemd is queried once in 5 s. */
async function untilNewer(unitwatch: Unitwatch, before: Scrape): Promise<Scrape> {
  const read = (scrape: Scrape): string =>
    scrape.text
      .match(/^systemd_unit_cpu_seconds_total.*|^systemd_unit_memory_current.*/gm)
      ?.join() ?? "";
  let after = before;
  await eventually(async () => {
    after = await unitwatch.scrape();
    expect(read(after)).not.toBe(read(before));
  });
  return after;
}

function valueOf(scrape: Scrape, { ours }: Exporter, sample: Sample): number | undefined {
  const { name, labels } = ours(sample);
  const found = scrape.select(name, labels);
  return found.length === 1 ? found[0]?.value : undefined;
}

function isBetween(value: number, [before, after]: readonly (number | undefined)[]): boolean {
  if (before === undefined || after === undefined) return value === before || value === after;
  return value >= Math.min(before, after) && value <= Math.max(before, after);
}

const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

/** Parses the samples of another exporter, whose names needn't be as ours. */
function samplesOf(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, label = "", text = ""]) => [
      label,
      text.replaceAll(/\\(.)/g, (_escape, character: string) =>
        character === "n" ? "\n" : character,
      ),
    ]);
    return [{ name, labels: Object.fromEntries(pairs) as Sample["labels"], value: Number(value) }];
  });
}
