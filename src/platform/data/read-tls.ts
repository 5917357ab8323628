import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { isCertificate, isKeyOf, isPrivateKey } from "./tls-material.ts";
import type { TlsMaterial } from "./tls-material.ts";

/** Paths of the PEM files of a TLS client; undefined: the system's trust, no client certificate. */
export interface TlsFileNames {
  readonly caFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly certFile: string | undefined;
}

/**
 * Reads the PEM files of a TLS client.
 *
 * @throws an error that names the file if one is unreadable or invalid
 */
export async function readTlsMaterial(files: TlsFileNames): Promise<TlsMaterial> {
  const { caFile, keyFile, certFile } = files;
  // One by one: if several are missing, the error names the first.
  const ca = await readPem(caFile, "certificate");
  const cert = await readPem(certFile, "certificate");
  const key = await readPem(keyFile, "private key");
  if (key !== undefined && cert !== undefined && !isKeyOf(key, cert)) {
    throw new Error(`the private key in ${keyFile} isn't that of the certificate in ${certFile}`);
  }
  const material = { ca, key, cert };
  try {
    createSecureContext(Object.fromEntries(Object.entries(material).filter(([, pem]) => pem)));
  } catch (error) {
    const names = [caFile, certFile, keyFile].filter((file) => file !== undefined).join(", ");
    throw new Error(`TLS can't use the certificates in ${names}`, { cause: error });
  }
  return material;
}

async function readPem(
  file: string | undefined,
  what: "certificate" | "private key",
): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  let pem: Buffer;
  try {
    pem = await readFile(file);
  } catch (error) {
    throw new Error(`cannot read the ${what} file ${file}`, { cause: error });
  }
  const isValid = what === "certificate" ? isCertificate(pem) : isPrivateKey(pem);
  if (!isValid) throw new Error(`there is no ${what} as PEM in the file ${file}`);
  return pem;
}
