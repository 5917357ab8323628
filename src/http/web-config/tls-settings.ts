import { constants } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { SecureContextOptions, SecureVersion } from "node:tls";
import { alternatives } from "../../platform/data/alternatives.ts";
import { asError } from "../../platform/data/as-error.ts";
import { isCertificate, isKeyOf, isPrivateKey } from "../../platform/data/tls-material.ts";
import type { Fields } from "./fields.ts";
import { canonicalSan } from "./subject-alt-names.ts";
import { CLIENT_AUTH_TYPES, WebConfigError } from "./web-config.ts";
import type { ClientAuthType, ServerTls } from "./web-config.ts";

/** TLS versions by their names in the file, oldest first. */
const TLS_VERSIONS = new Map<string, SecureVersion>([
  ["TLS10", "TLSv1"],
  ["TLS11", "TLSv1.1"],
  ["TLS12", "TLSv1.2"],
  ["TLS13", "TLSv1.3"],
]);

/** OpenSSL's names of curves, by Go's names. */
const CURVES = new Map([
  ["CurveP256", "P-256"],
  ["CurveP384", "P-384"],
  ["CurveP521", "P-521"],
  ["X25519", "X25519"],
]);

/** Suites of TLS 1.3, with the same names in both. They are always enabled, as in Go. */
const TLS13_CIPHER_SUITES = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
] as const;

/** OpenSSL's names of the suites up to TLS 1.2 that Go lists as secure, by Go's names and order. */
const TLS12_CIPHER_SUITES = new Map([
  ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
  ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"],
  ["TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA"],
]);

/** The suites of these with authenticated encryption. TLS 1.0 and 1.1 have none. */
const TLS12_AEAD_SUITES = [...TLS12_CIPHER_SUITES.keys()].filter((name) => !name.includes("_CBC_"));

/** Returns the text of a file that the configuration names; throws a WebConfigError. */
export type ReadNamed = (name: string) => Promise<string>;

const KEYS = [
  "cert",
  "cert_file",
  "key",
  "key_file",
  "client_ca",
  "client_ca_file",
  "client_auth_type",
  "client_allowed_sans",
  "min_version",
  "max_version",
  "cipher_suites",
  "prefer_server_cipher_suites",
  "curve_preferences",
] as const;

/** Keys that turn TLS on. */
const SWITCHES = ["cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file"] as const;

/**
 * Reads `tls_server_config`. Returns undefined if it configures no TLS.
 *
 * @throws WebConfigError
 */
export async function readTls(fields: Fields, read: ReadNamed): Promise<ServerTls | undefined> {
  fields.only(KEYS);
  const clientAuth = readClientAuth(fields);
  const negotiated = readNegotiated(fields);
  const clientAllowedSans = readSans(fields, clientAuth);
  const isOn =
    SWITCHES.some((name) => fields.text(name) !== undefined) ||
    fields.text("client_auth_type") !== undefined;
  if (!isOn) return undefined;

  const cert = (await pem(fields, "cert", read)) ?? fields.reject("cert_file", "a file, or cert");
  const key = (await pem(fields, "key", read)) ?? fields.reject("key_file", "a file, or key");
  checkKeyPair(fields, cert, key);
  const ca = await pem(fields, "client_ca", read);
  if (ca !== undefined && certificatesIn(ca) === 0) {
    fields.reject(given(fields, "client_ca"), "PEM certificates");
  }
  if (ca !== undefined && clientAuth === "NoClientCert") {
    fields.reject("client_auth_type", "one that uses the client CA");
  }
  if (ca === undefined && clientAuth === "RequireAndVerifyClientCert") {
    fields.reject("client_ca_file", "a file, or client_ca, with RequireAndVerifyClientCert");
  }
  const context = { ...negotiated, cert, key, ...(ca === undefined ? {} : { ca }) };
  try {
    createSecureContext(context);
  } catch (error) {
    const why = asError(error).message;
    throw new WebConfigError(`tls_server_config: OpenSSL rejects it: ${why}`, { cause: error });
  }
  return { context, clientAuth, clientAllowedSans };
}

function readClientAuth(fields: Fields): ClientAuthType {
  const text = fields.text("client_auth_type") ?? "NoClientCert";
  // An older name, which the format still accepts.
  if (text === "RequireClientCert") return "RequireAnyClientCert";
  const type = CLIENT_AUTH_TYPES.find((type) => type === text);
  return type ?? fields.reject("client_auth_type", alternatives(CLIENT_AUTH_TYPES), text);
}

function readSans(fields: Fields, type: ClientAuthType): ReadonlySet<string> | undefined {
  const names = fields.list("client_allowed_sans");
  if (names === undefined) return undefined;
  if (names.length === 0) fields.reject("client_allowed_sans", "at least one name");
  if (type !== "RequireAnyClientCert" && type !== "RequireAndVerifyClientCert") {
    fields.reject(
      "client_allowed_sans",
      "client_auth_type RequireAnyClientCert or RequireAndVerifyClientCert with it",
    );
  }
  return new Set(names.map(canonicalSan));
}

/** Reads the versions, ciphers and curves that the handshake negotiates. */
function readNegotiated(fields: Fields): SecureContextOptions {
  const versions = [...TLS_VERSIONS.keys()];
  const min = oneOf(fields, "min_version", TLS_VERSIONS) ?? "TLS12";
  const max = oneOf(fields, "max_version", TLS_VERSIONS) ?? "TLS13";
  if (versions.indexOf(min) > versions.indexOf(max)) {
    fields.reject("min_version", `no more than max_version, which is ${max}`, min);
  }
  const curves = fields.list("curve_preferences") ?? [];
  for (const curve of curves) {
    if (!CURVES.has(curve))
      fields.reject("curve_preferences", alternatives([...CURVES.keys()]), curve);
  }
  return {
    minVersion: TLS_VERSIONS.get(min) ?? "TLSv1.2",
    maxVersion: TLS_VERSIONS.get(max) ?? "TLSv1.3",
    ciphers: ciphers(fields, min, max),
    honorCipherOrder: fields.boolean("prefer_server_cipher_suites") ?? true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(curves.length === 0 ? {} : { ecdhCurve: curves.map((name) => CURVES.get(name)).join(":") }),
  };
}

function ciphers(fields: Fields, min: string, max: string): string {
  const is13 = (name: string): boolean => TLS13_CIPHER_SUITES.some((suite) => suite === name);
  const configured = fields.list("cipher_suites") ?? [];
  const isOld = min === "TLS10" || min === "TLS11";
  const usual = isOld ? [...TLS12_CIPHER_SUITES.keys()] : TLS12_AEAD_SUITES;
  const names = configured.length === 0 ? usual : configured;
  for (const name of names) {
    if (!TLS12_CIPHER_SUITES.has(name) && !is13(name)) {
      fields.reject("cipher_suites", "suites that Go's crypto/tls lists as secure", name);
    }
  }
  const older = names.filter((name) => !is13(name)).map((name) => TLS12_CIPHER_SUITES.get(name));
  if (older.length === 0 && max !== "TLS13") {
    fields.reject("cipher_suites", `a suite for ${max}`);
  }
  // OpenSSL allows the signatures of TLS 1.0 and 1.1 at this level only.
  const level = isOld ? ["@SECLEVEL=0"] : [];
  return [...TLS13_CIPHER_SUITES, ...older, ...level].join(":");
}

/** Returns PEM text, inline or from a file, or undefined if neither field is set. */
async function pem(
  fields: Fields,
  name: "cert" | "key" | "client_ca",
  read: ReadNamed,
): Promise<string | undefined> {
  const inline = fields.text(name);
  const file = fields.text(`${name}_file`);
  if (inline !== undefined && file !== undefined) {
    fields.reject(name, `either it or ${name}_file, not both`);
  }
  if (file === undefined) return inline;
  try {
    return await read(file);
  } catch (error) {
    if (!(error instanceof WebConfigError)) throw error;
    return fields.reject(`${name}_file`, `a readable file (${error.message})`, file);
  }
}

function checkKeyPair(fields: Fields, cert: string, key: string): void {
  if (!isCertificate(cert)) fields.reject(given(fields, "cert"), "a PEM certificate");
  if (!isPrivateKey(key)) {
    fields.reject(given(fields, "key"), "a PEM private key without a passphrase");
  }
  if (!isKeyOf(key, cert)) {
    fields.reject(given(fields, "key"), "the private key of the certificate");
  }
}

function certificatesIn(pem: string): number {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.filter(isCertificate).length;
}

/** Returns which of the two fields a PEM text came from. */
function given(fields: Fields, name: "cert" | "key" | "client_ca"): string {
  return fields.text(name) === undefined ? `${name}_file` : name;
}

function oneOf(
  fields: Fields,
  name: string,
  known: ReadonlyMap<string, unknown>,
): string | undefined {
  const text = fields.text(name);
  if (text !== undefined && !known.has(text))
    fields.reject(name, alternatives([...known.keys()]), text);
  return text;
}
