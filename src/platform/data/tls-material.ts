import { createPrivateKey, X509Certificate } from "node:crypto";

/** PEM files of a TLS client, as read; undefined: the system's trust, no client certificate. */
export interface TlsMaterial {
  readonly ca: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly cert: Buffer | undefined;
}

/** Returns whether the text starts with a certificate in PEM. */
export function isCertificate(pem: string | Buffer): boolean {
  return isPem(pem) && succeeds(() => new X509Certificate(pem));
}

/** Returns whether the text is a private key in PEM without a passphrase. */
export function isPrivateKey(pem: string | Buffer): boolean {
  return isPem(pem) && succeeds(() => createPrivateKey(pem));
}

/** @throws if one of them is neither certificate nor key */
export function isKeyOf(key: string | Buffer, cert: string | Buffer): boolean {
  return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
}

/** Node's readers accept DER too, which a connection doesn't. */
function isPem(text: string | Buffer): boolean {
  return text.includes("-----BEGIN ");
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}
