import type { ServerResponse } from "node:http";
import { expect, test } from "@jest/globals";
import { eventually } from "../support/eventually.ts";
import { fakeEngine } from "../support/fake-engine.ts";
import { startUnitwatch } from "../support/unitwatch.ts";

const idOf = (digit: string): string => digit.repeat(64);
const CONTAINERS = { web: idOf("a"), broken: idOf("b"), hanging: idOf("c"), odd: idOf("d") };
const LABELS = { "sind.cluster": "dev" };

const LISTED = Object.entries(CONTAINERS).map(([name, Id]) => {
  return { Id, Names: [`/${name}`], Image: "debian", State: "running", Labels: LABELS };
});
const INSPECTED = {
  Name: "/web",
  RestartCount: 0,
  Path: "sleep",
  State: { Status: "running", StartedAt: "2026-01-02T03:04:05.5Z", FinishedAt: "" },
  Config: { Image: "debian", Labels: LABELS },
};

function inspect(path: string, response: ServerResponse): boolean {
  if (path.includes(CONTAINERS.hanging)) return true;
  if (path.includes(CONTAINERS.broken)) response.statusCode = 500;
  if (path.includes(CONTAINERS.odd)) response.end('{"Name":7}');
  else response.end(JSON.stringify({ ...INSPECTED, Id: CONTAINERS.web, message: "boom" }));
  return true;
}

test("shows a container as listed when its inspection fails, and all others in full", async () => {
  await using engine = await fakeEngine({
    answer(path, response) {
      if (path.includes("/containers/json")) response.end(JSON.stringify(LISTED));
      // A replay ends at its time.
      else if (path.includes("until=")) response.end();
      else if (path.includes("/events")) response.flushHeaders();
      else return inspect(path, response);
      return true;
    },
  });
  await using unitwatch = await startUnitwatch({
    host: `unix://${engine.socketPath}`,
    cluster: "dev",
    args: ["--docker.runtime=engine"],
  });
  await eventually(async () => (await unitwatch.get("/-/ready")).status === 200);
  const scrape = await unitwatch.scrape();
  for (const container of Object.keys(CONTAINERS)) {
    const labels = { container, node: container, cluster: "dev" };
    expect(scrape.value("container_info", { container })).toBe(1);
    expect(scrape.value("container_state_status", { ...labels, state: "running" })).toBe(1);
  }
  expect(scrape.value("container_start_time_seconds", { container: "web" })).toBe(1767323045.5);
  expect(scrape.by("container", "container_start_time_seconds")).toEqual({ web: 1767323045.5 });
  expect(scrape.value("unitwatch_engine_up")).toBe(1);
  expect(scrape.value("unitwatch_parse_errors_total", { source: "inspect" })).toBeGreaterThan(2);
  const lines = unitwatch.log.filter(
    ({ msg }) => msg === "container inspection failed, using its listing",
  );
  expect(lines).toHaveLength(3);
  const errors = Object.fromEntries(lines.map(({ container, err }) => [container, err]));
  expect(errors).toMatchObject({
    broken: `the engine answered 500 to /v1.41/containers/${CONTAINERS.broken}/json: boom`,
    odd: "the engine's answer is not an inspect document",
    hanging: `the engine doesn't answer /v1.41/containers/${CONTAINERS.hanging}/json`,
  });
});
