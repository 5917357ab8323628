import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly key: string;
  readonly cert: string;
}

/** An authority in a folder of its own, made by openssl; all it makes is valid for a day. */
export class TestAuthority implements AsyncDisposable {
  readonly #folder: string;
  readonly #own: CertificateFiles;

  private constructor(folder: string, own: CertificateFiles) {
    this.#folder = folder;
    this.#own = own;
  }

  static async make(): Promise<TestAuthority> {
    const folder = await mkdtemp(join(tmpdir(), "unitwatch-certificates-"));
    return new TestAuthority(folder, await request(folder, "ca", []));
  }

  /** The authority's own certificate. */
  get cert(): string {
    return this.#own.cert;
  }

  /** A certificate for 127.0.0.1, good for servers and clients. */
  issue(name: string): Promise<CertificateFiles> {
    return request(this.#folder, name, [
      `-CA=${this.#own.cert}`,
      `-CAkey=${this.#own.key}`,
      "-addext=subjectAltName=IP:127.0.0.1",
      "-addext=basicConstraints=CA:FALSE",
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }
}

async function request(
  folder: string,
  name: string,
  extra: readonly string[],
): Promise<CertificateFiles> {
  const key = join(folder, `${name}.key`);
  const cert = join(folder, `${name}.pem`);
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const files = ["-keyout", key, "-out", cert];
  await run("openssl", [
    "req",
    "-x509",
    "-days=1",
    `-subj=/CN=${name}`,
    ...curve,
    ...files,
    ...extra,
  ]);
  return { key, cert };
}
