import { join } from "node:path";
import { type Certificates, makeCertificates } from "./certificates.ts";

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly key: string;
  readonly cert: string;
}

/** Certificate authority in a temporary folder; it issues certificates for 127.0.0.1. */
export class TestAuthority implements AsyncDisposable {
  readonly #certificates: Certificates;

  private constructor(certificates: Certificates) {
    this.#certificates = certificates;
  }

  static async make(): Promise<TestAuthority> {
    return new TestAuthority(await makeCertificates());
  }

  /** Certificate of the authority. */
  get cert(): string {
    return join(this.#certificates.folder, "ca.crt");
  }

  /** Issues a certificate for 127.0.0.1, valid for servers and clients. */
  async issue(name: string): Promise<CertificateFiles> {
    await this.#certificates.make(name, { issuer: "ca", altNames: "IP:127.0.0.1" });
    const at = join(this.#certificates.folder, name);
    return { key: `${at}.key`, cert: `${at}.crt` };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#certificates[Symbol.asyncDispose]();
  }
}
