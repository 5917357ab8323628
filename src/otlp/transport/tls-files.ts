import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { isCertificate, isKeyOf, isPrivateKey } from "../../platform/data/tls-material.ts";
import type { TlsMaterial } from "../../platform/data/tls-material.ts";
import type { OtlpTlsFiles } from "../protocol/endpoint.ts";

/** The certificates of an endpoint, in files that another program renews. */
export class TlsFiles {
  readonly #files: OtlpTlsFiles;
  #material: TlsMaterial;

  private constructor(files: OtlpTlsFiles, material: TlsMaterial) {
    this.#files = files;
    this.#material = material;
  }

  /** @throws an error that names the file if one is unreadable or invalid */
  static async open(files: OtlpTlsFiles): Promise<TlsFiles> {
    return new TlsFiles(files, await readAll(files));
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /**
   * Reads the files again; returns whether they have changed. Keeps the old ones if a file is
   * invalid, perhaps because it is just being written.
   */
  async renew(): Promise<boolean> {
    try {
      const material = await readAll(this.#files);
      const { ca, key, cert } = this.#material;
      if (same(ca, material.ca) && same(key, material.key) && same(cert, material.cert))
        return false;
      this.#material = material;
      return true;
    } catch {
      return false;
    }
  }
}

async function readAll({ caFile, keyFile, certFile }: OtlpTlsFiles): Promise<TlsMaterial> {
  const [ca, cert, key] = await Promise.all([
    readPem(caFile, "certificate"),
    readPem(certFile, "certificate"),
    readPem(keyFile, "private key"),
  ]);
  if (key !== undefined && cert !== undefined && !isKeyOf(key, cert)) {
    throw new Error(`the private key in ${keyFile} isn't that of the certificate in ${certFile}`);
  }
  const material = { ca, key, cert };
  try {
    createSecureContext(Object.fromEntries(Object.entries(material).filter(([, pem]) => pem)));
  } catch (error) {
    const files = [caFile, certFile, keyFile].filter((file) => file !== undefined).join(", ");
    throw new Error(`TLS can't use the certificates in ${files}`, { cause: error });
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

function same(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}
