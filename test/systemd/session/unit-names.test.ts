import { describe, expect, test } from "@jest/globals";
import { RIGS, standing } from "../../support/systemd/session-rig.ts";

const RUNNING = { activeState: "active", subState: "running" };
const NAMES = ["broker.service", "bus.service", "none.service"];
const UNITS = { "broker.service": RUNNING };

describe.each(RIGS)("unit names over %s", (_name, start) => {
  test("are resolved in the listing: an Id, an alias, and one that isn't loaded", async () => {
    const aliases = { "bus.service": "broker.service" };
    const rig = await standing(start, { units: UNITS, names: NAMES, aliases });
    expect(rig.sink.ids).toEqual({
      "broker.service": "broker.service",
      "bus.service": "broker.service",
      "none.service": "-",
    });
  });

  test("are resolved again when systemd was reloaded: an alias can move", async () => {
    const aliases = { "bus.service": "broker.service" };
    const rig = await standing(start, { units: UNITS, names: NAMES, aliases });
    rig.setUnits({ ...UNITS, "daemon.service": RUNNING });
    rig.setAliases({ "bus.service": "daemon.service", "none.service": "broker.service" });
    rig.reloading(true);
    rig.reloading(false);
    await rig.saw("listed 2");
    expect(rig.sink.ids).toEqual({
      "broker.service": "broker.service",
      "bus.service": "daemon.service",
      "none.service": "broker.service",
    });
  });

  test("are resolved again when a unit was loaded", async () => {
    const rig = await standing(start, { names: NAMES });
    expect(rig.sink.ids).toMatchObject({ "bus.service": "-" });
    rig.setUnits(UNITS);
    rig.setAliases({ "bus.service": "broker.service" });
    rig.unitNew("broker.service");
    await rig.saw(/^(?:loaded|listed) 1$/);
    expect(rig.sink.ids).toMatchObject({ "bus.service": "broker.service" });
  });

  test("aren't requested when no name is given", async () => {
    const rig = await standing(start, { units: UNITS });
    expect(rig.sink.ids).toBeUndefined();
  });

  test("leave out a name that systemd refuses to resolve", async () => {
    const names = ["broker.service", "bus.service"];
    const rig = await standing(start, { units: UNITS, names });
    rig.refuse("bus.service");
    rig.reloading(true);
    rig.reloading(false);
    await rig.saw("listed 1");
    expect(rig.sink.ids).toEqual({ "broker.service": "broker.service" });
  });
});
