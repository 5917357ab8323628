import { expect, test } from "@jest/globals";
import { PLANS } from "./plans.ts";
import { cellsOf } from "./table.ts";

test("names the engine of a row that was not run as that of one that was", () => {
  const cells = { cells: {}, transport: "", date: "", suite: "trixie", variant: "full" } as const;
  const names = PLANS.map(({ name, engine: { note } }) => {
    return cellsOf({ engine: name, note, version: "", ...cells })[0];
  });
  expect([...new Set(names)]).toEqual([
    "docker 20.10",
    "docker 26.1",
    "docker 28.5",
    "podman 4.3",
    "podman 5.4",
    "podman 5.8",
    "podman 6.1",
    "docker, in a virtual machine",
    "podman, in a virtual machine",
  ]);
  const run = { engine: "docker-26.1", note: "overlay2", version: "26.1.5+dfsg1", ...cells };
  expect(cellsOf(run)[0]).toBe("docker 26.1.5");
});
