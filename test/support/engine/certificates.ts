import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { ensureCommands, systemEnv } from "./packages.ts";

/** Folders with ca.pem, cert.pem and key.pem, as DOCKER_CERT_PATH names one. */
export interface EngineCertificates {
  /** For localhost and 127.0.0.1. */
  readonly server: string;
  readonly client: string;
  /** Of another authority. */
  readonly stranger: string;
}

/** Makes certificates below `dir` that are good for a day. */
export async function makeCertificates(dir: string): Promise<EngineCertificates> {
  await ensureCommands({ openssl: "openssl" });
  const folders = {
    server: join(dir, "server"),
    client: join(dir, "client"),
    stranger: join(dir, "stranger"),
  };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  const { server, client, stranger } = folders;
  await authority(server);
  await signed(server, { by: server, use: "serverAuth" });
  await authority(client, server);
  await signed(client, { by: server, use: "clientAuth" });
  await authority(stranger);
  await signed(stranger, { by: stranger, use: "clientAuth" });
  return folders;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** An authority of its own, or a copy of the certificate of `other`'s. */
async function authority(folder: string, other?: string): Promise<void> {
  if (other !== undefined) {
    await execa("cp", [join(other, "ca.pem"), folder]);
    return;
  }
  const out = ["-keyout", join(folder, "ca-key.pem"), "-out", join(folder, "ca.pem")];
  const subject = ["-subj", "/CN=unitwatch test authority", "-days", "1"];
  await openssl("req", "-x509", ...KEY, ...subject, ...out);
}

async function signed(
  folder: string,
  options: { readonly by: string; readonly use: "serverAuth" | "clientAuth" },
): Promise<void> {
  const { by, use } = options;
  const extensions = [
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    `extendedKeyUsage=${use}`,
    "basicConstraints=critical,CA:FALSE",
  ].flatMap((extension) => ["-addext", extension]);
  const authority = ["-CA", join(by, "ca.pem"), "-CAkey", join(by, "ca-key.pem")];
  const out = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=unitwatch test", "-days", "1"];
  await openssl("req", "-x509", ...KEY, ...subject, ...extensions, ...authority, ...out);
}

async function openssl(...args: readonly string[]): Promise<void> {
  await execa("openssl", args, { env: systemEnv() });
}
