import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { suitePackage } from "../support/debian-command.ts";
import { systemEnv } from "../support/engine/packages.ts";
import { eventually } from "../support/eventually.ts";
import { goProgram } from "../support/go-program.ts";
import { freePorts } from "./collector.ts";
import { KUBE_APISERVER, KUBECTL } from "./programs.ts";

const TOKEN = "token-of-the-test";

interface Ended {
  readonly exitCode?: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Kubectl = (args: readonly string[], input?: string) => Promise<Ended>;

/**
 * API server of Kubernetes with its own etcd, on the loopback interface, without a node: it validates and
 * stores, and nothing starts a pod. Disposing it ends both.
 */
export class KubernetesApi implements AsyncDisposable {
  /** Path of a kubeconfig with all rights. */
  readonly kubeconfig: string;
  readonly #run: Kubectl;
  readonly #stack: AsyncDisposableStack;

  private constructor(kubeconfig: string, run: Kubectl, stack: AsyncDisposableStack) {
    this.kubeconfig = kubeconfig;
    this.#run = run;
    this.#stack = stack;
  }

  static async start(): Promise<KubernetesApi> {
    await using stack = new AsyncDisposableStack();
    const program = await goProgram(KUBE_APISERVER);
    const etcd = join(await suitePackage("trixie", "etcd-server"), "usr/bin/etcd");
    const kubectl = await goProgram(KUBECTL);
    const folder = await mkdtemp(join(tmpdir(), "unitwatch-kubernetes-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const [clients, peers, api] = await freePorts(3);
    const [client, peer] = [`http://127.0.0.1:${clients}`, `http://127.0.0.1:${peers}`];

    const key = join(folder, "service-accounts.key");
    await execa("openssl", ["genrsa", "-out", key, "2048"]);
    await writeFile(join(folder, "tokens.csv"), `${TOKEN},admin,1,system:masters\n`);
    const config = join(folder, "kubeconfig");
    await writeFile(config, kubeconfig(`https://127.0.0.1:${api}`));
    const store = started(etcd, [
      `--data-dir=${join(folder, "etcd")}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      "--unsafe-no-fsync",
    ]);
    stack.defer(() => store.end());
    const server = started(program, [
      `--etcd-servers=${client}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      // Nothing in the cluster looks for it.
      "--endpoint-reconciler-type=none",
      `--secure-port=${api}`,
      `--cert-dir=${join(folder, "certificates")}`,
      `--token-auth-file=${join(folder, "tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      "--service-cluster-ip-range=10.0.0.0/24",
    ]);
    stack.defer(() => server.end());
    const own = [`--kubeconfig=${config}`, `--cache-dir=${join(folder, "cache")}`];
    const run: Kubectl = (args, input = "") =>
      execa(kubectl, [...own, ...args], { reject: false, input, env: { HOME: folder } });
    await eventually(
      async () => {
        for (const each of [store, server]) each.check();
        const { exitCode, stderr } = await run(["get", "--raw", "/readyz"]);
        if (exitCode !== 0) throw new Error(stderr);
      },
      { withinMs: 90_000, everyMs: 500 },
    );
    return new KubernetesApi(config, run, stack.move());
  }

  /** Runs kubectl; never rejects because of its exit code. */
  kubectl(args: readonly string[], input?: string): Promise<Ended> {
    return this.#run(args, input);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

interface Started {
  /** @throws Error with its last lines if it has ended */
  check(): void;
  end(): Promise<void>;
}

function started(command: string, args: readonly string[]): Started {
  const child: ChildProcess = spawn(command, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...systemEnv(), GOMAXPROCS: "1" },
  });
  const closed = once(child, "close");
  let log = "";
  child.stderr?.on("data", (data: Buffer) => {
    log = (log + data.toString()).slice(-4_000);
  });
  return {
    check() {
      if (child.exitCode !== null) throw new Error(`${command} ended: ${log}`);
    },
    async end() {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

function kubeconfig(server: string): string {
  const name = "test";
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name, user: { token: TOKEN } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  });
}
