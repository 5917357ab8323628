import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Certificates and keys as files `NAME.crt` and `NAME.key` in a temporary folder. */
export interface Certificates {
  readonly folder: string;
  [Symbol.asyncDispose](): Promise<void>;
  /** Makes a certificate that is signed by `issuer`, or self-signed. */
  make(name: string, options?: CertificateOptions): Promise<void>;
  /** Returns the PEM of a file. */
  pem(file: string): Promise<string>;
  /** Writes a file and returns its path. */
  write(file: string, text: string): Promise<string>;
}

export interface CertificateOptions {
  readonly issuer?: string;
  /** In OpenSSL's format: `DNS:localhost,IP:127.0.0.1`. */
  readonly altNames?: string;
  readonly isCa?: boolean;
  readonly key?: "ec" | "rsa";
}

/** Makes a folder with `ca`, with `server` and `client` signed by it, and with self-signed `stranger`. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), "unitwatch-tls-"));
  const at = (file: string): string => join(folder, file);
  const made: Certificates = {
    folder,
    async make(name, { issuer, altNames, isCa = false, key = "ec" } = {}) {
      const algorithm = key === "rsa" ? "rsa:2048" : "ec -pkeyopt ec_paramgen_curve:P-256";
      const ending = issuer === undefined ? "" : `-CA ${issuer}.crt -CAkey ${issuer}.key`;
      const args = [
        `req -x509 -nodes -days 2 -subj /CN=${name} -newkey ${algorithm}`,
        `-keyout ${name}.key -out ${name}.crt`,
        `-addext basicConstraints=critical,CA:${isCa ? "TRUE" : "FALSE"}`,
        altNames === undefined ? "" : `-addext subjectAltName=${altNames}`,
        ending,
      ];
      await run("openssl", args.join(" ").trim().split(/ +/), { cwd: folder });
    },
    pem: (file) => readFile(at(file), "utf8"),
    async write(file, text) {
      await writeFile(at(file), text);
      return at(file);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
  await made.make("ca", { isCa: true });
  await Promise.all([
    made.make("server", { issuer: "ca", altNames: "DNS:localhost,IP:127.0.0.1" }),
    made.make("client", { issuer: "ca", altNames: "DNS:scraper.example,IP:::1,email:a@b.example" }),
    made.make("stranger", { altNames: "DNS:scraper.example" }),
  ]);
  return made;
}
