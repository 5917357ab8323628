import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { execa } from "execa";
import { parse } from "yaml";
import { describeEngine, describePrivateEngine } from "../support/engine/attach.ts";
import { ensureCommands, systemEnv } from "../support/engine/packages.ts";
import { startPrivateEngine } from "../support/engine/private-engine.ts";

const DEPLOY = join(import.meta.dirname, "../../deploy");

// Checks that the real tool accepts the files, without starting them.
describeEngine("deploy/ with Compose", () => {
  beforeAll(() => ensureCommands({ "docker-compose": "docker-compose" }));

  const config = async (file: string, env: Readonly<Record<string, string>>) => {
    const args = ["--file", join(DEPLOY, file), "config"];
    const options = { env: { ...systemEnv(), ...env }, extendEnv: false, reject: false };
    const { exitCode, stdout, stderr } = await execa("docker-compose", args, options);
    return { exitCode, stderr, config: parse(stdout) as Record<string, object> | null };
  };

  test("accepts compose.yaml and requires the socket's group", async () => {
    const good = await config("compose.yaml", { DOCKER_GID: "999" });
    expect(good).toMatchObject({ exitCode: 0, stderr: "" });
    expect(Object.keys(good.config?.["services"] ?? {})).toEqual([
      "alertmanager",
      "collector",
      "grafana",
      "prometheus",
      "unitwatch",
      "victoria-logs",
    ]);
    expect(good.config).toMatchObject({ services: { unitwatch: { group_add: ["999"] } } });

    const bad = await config("compose.yaml", {});
    expect(bad).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("number of the group"),
    });
  });

  test("accepts swarm.yaml and requires the socket's group and an image", async () => {
    const image = "registry.example/unitwatch:0.1.0";
    const good = await config("swarm.yaml", { DOCKER_GID: "999", UNITWATCH_IMAGE: image });
    expect(good).toMatchObject({
      exitCode: 0,
      stderr: "",
      config: { services: { unitwatch: { image, user: "1000:999", deploy: { mode: "global" } } } },
    });

    const bad = await config("swarm.yaml", { DOCKER_GID: "999" });
    expect(bad).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("image") });
  });
});

// Runs until the task waits for an image that doesn't exist.
describePrivateEngine("deploy/ with Swarm", () => {
  test("starts a confined task on each node from swarm.yaml", async () => {
    await using engine = await startPrivateEngine();
    const loopback = ["--advertise-addr=127.0.0.1", "--listen-addr=127.0.0.1:0"];
    await engine.docker(["swarm", "init", ...loopback]);
    const image = "registry.example/unitwatch:0.1.0";
    const deploy = ["stack", "deploy", "--compose-file", join(DEPLOY, "swarm.yaml"), "unitwatch"];
    const { stderr } = await execa("docker", ["--host", engine.host, ...deploy], {
      env: { UNITWATCH_IMAGE: image, DOCKER_GID: "999" },
    });
    expect(stderr).not.toMatch(/ignor|deprecat|unsupported/i);

    const [service] = JSON.parse(
      await engine.docker(["service", "inspect", "unitwatch_unitwatch"]),
    ) as [{ Spec: object }];
    expect(service.Spec).toMatchObject({
      Mode: { Global: {} },
      TaskTemplate: {
        ContainerSpec: {
          Image: image,
          User: "1000:999",
          ReadOnly: true,
          CapabilityDrop: ["ALL"],
          Mounts: [
            { Type: "bind", Target: "/var/run/docker.sock" },
            { Type: "volume", Target: "/var/lib/unitwatch" },
          ],
        },
        Resources: { Limits: { MemoryBytes: 512 * 1024 * 1024 } },
      },
      EndpointSpec: { Ports: [{ TargetPort: 10_558, PublishMode: "host" }] },
    });
    const tasks = await engine.docker(["service", "ps", "--quiet", "unitwatch_unitwatch"]);
    expect(tasks.split("\n")).toHaveLength(1);
  });
});
