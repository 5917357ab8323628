import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { ensureCommands } from "./packages.ts";

/** Folders with ca.pem, cert.pem and key.pem, for DOCKER_CERT_PATH. */
export interface EngineCertificates extends AsyncDisposable {
  /** Certificate of localhost and 127.0.0.1. */
  readonly server: string;
  readonly client: string;
  /** Certificate of another authority. */
  readonly stranger: string;
}

/** Writes certificates in docker's layout. */
export async function makeEngineCertificates(): Promise<EngineCertificates> {
  await ensureCommands({ openssl: "openssl" });
  const certificates = await makeCertificates();
  return {
    server: await layOut(certificates, "server", "ca"),
    client: await layOut(certificates, "client", "ca"),
    stranger: await layOut(certificates, "stranger", "stranger"),
    [Symbol.asyncDispose]: () => certificates[Symbol.asyncDispose](),
  };
}

async function layOut({ folder }: Certificates, name: string, issuer: string): Promise<string> {
  const to = join(folder, `${name}.d`);
  await mkdir(to);
  await copyFile(join(folder, `${issuer}.crt`), join(to, "ca.pem"));
  await copyFile(join(folder, `${name}.crt`), join(to, "cert.pem"));
  await copyFile(join(folder, `${name}.key`), join(to, "key.pem"));
  return to;
}
