import { readTlsMaterial, type TlsFileNames } from "../../platform/data/read-tls.ts";
import type { TlsMaterial } from "../../platform/data/tls-material.ts";

/** The certificates of an endpoint, in files that another program renews. */
export class TlsFiles {
  readonly #files: TlsFileNames;
  #material: TlsMaterial;

  private constructor(files: TlsFileNames, material: TlsMaterial) {
    this.#files = files;
    this.#material = material;
  }

  /** @throws an error that names the file if one is unreadable or invalid */
  static async open(files: TlsFileNames): Promise<TlsFiles> {
    return new TlsFiles(files, await readTlsMaterial(files));
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
      const material = await readTlsMaterial(this.#files);
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

function same(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}
