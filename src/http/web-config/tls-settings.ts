import { alternatives } from "../../platform/data/alternatives.ts";
import { constants, createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { SecureContextOptions } from "node:tls";
import { asError } from "../../platform/data/as-error.ts";
import type { Fields } from "./fields.ts";
import { canonicalSan } from "./subject-alt-names.ts";
import {
  CURVES,
  TLS12_AEAD_SUITES,
  TLS12_CIPHER_SUITES,
  TLS13_CIPHER_SUITES,
  TLS_VERSIONS,
} from "./tls-names.ts";
import { CLIENT_AUTH_TYPES, WebConfigError } from "./web-config.ts";
import type { ClientAuthType, ServerTls } from "./web-config.ts";

/** The text of a file that the configuration names; throws a WebConfigError. */
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

/** Any of these turns TLS on. */
const SWITCHES = ["cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file"] as const;

/**
 * Reads `tls_server_config`; undefined where it asks for no TLS.
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

  const cert = (await pem(fields, "cert", read)) ?? fields.refuse("cert_file", "a file, or cert");
  const key = (await pem(fields, "key", read)) ?? fields.refuse("key_file", "a file, or key");
  checkKeyPair(fields, cert, key);
  const ca = await pem(fields, "client_ca", read);
  if (ca !== undefined && certificatesIn(ca) === 0) {
    fields.refuse(given(fields, "client_ca"), "PEM certificates");
  }
  if (ca !== undefined && clientAuth === "NoClientCert") {
    fields.refuse("client_auth_type", "one that uses the client CA");
  }
  if (ca === undefined && clientAuth === "RequireAndVerifyClientCert") {
    fields.refuse("client_ca_file", "a file, or client_ca, with RequireAndVerifyClientCert");
  }
  const context = { ...negotiated, cert, key, ...(ca === undefined ? {} : { ca }) };
  try {
    createSecureContext(context);
  } catch (error) {
    const why = asError(error).message;
    throw new WebConfigError(`tls_server_config: OpenSSL refuses it: ${why}`, { cause: error });
  }
  return { context, clientAuth, clientAllowedSans };
}

function readClientAuth(fields: Fields): ClientAuthType {
  const text = fields.text("client_auth_type") ?? "NoClientCert";
  // The older name of it, which the format still takes.
  if (text === "RequireClientCert") return "RequireAnyClientCert";
  const type = CLIENT_AUTH_TYPES.find((type) => type === text);
  return type ?? fields.refuse("client_auth_type", alternatives(CLIENT_AUTH_TYPES), text);
}

function readSans(fields: Fields, type: ClientAuthType): ReadonlySet<string> | undefined {
  const names = fields.list("client_allowed_sans");
  if (names === undefined) return undefined;
  if (names.length === 0) fields.refuse("client_allowed_sans", "at least one name");
  if (type !== "RequireAnyClientCert" && type !== "RequireAndVerifyClientCert") {
    fields.refuse(
      "client_allowed_sans",
      "client_auth_type RequireAnyClientCert or RequireAndVerifyClientCert with it",
    );
  }
  return new Set(names.map(canonicalSan));
}

/** What both sides have to agree on. */
function readNegotiated(fields: Fields): SecureContextOptions {
  const versions = [...TLS_VERSIONS.keys()];
  const min = oneOf(fields, "min_version", TLS_VERSIONS) ?? "TLS12";
  const max = oneOf(fields, "max_version", TLS_VERSIONS) ?? "TLS13";
  if (versions.indexOf(min) > versions.indexOf(max)) {
    fields.refuse("min_version", `no more than max_version, which is ${max}`, min);
  }
  const curves = fields.list("curve_preferences") ?? [];
  for (const curve of curves) {
    if (!CURVES.has(curve))
      fields.refuse("curve_preferences", alternatives([...CURVES.keys()]), curve);
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
  const names = fields.list("cipher_suites") ?? [];
  const isOld = min === "TLS10" || min === "TLS11";
  const usual = isOld ? [...TLS12_CIPHER_SUITES.keys()] : TLS12_AEAD_SUITES;
  const asked = names.length === 0 ? usual : names;
  for (const name of asked) {
    if (!TLS12_CIPHER_SUITES.has(name) && !is13(name)) {
      fields.refuse("cipher_suites", "suites that Go's crypto/tls holds for secure", name);
    }
  }
  const older = asked.filter((name) => !is13(name)).map((name) => TLS12_CIPHER_SUITES.get(name));
  if (older.length === 0 && max !== "TLS13") {
    fields.refuse("cipher_suites", `a suite for ${max}`);
  }
  // OpenSSL holds what TLS 1.0 and 1.1 sign with for insecure, and has to be asked for it.
  const level = isOld ? ["@SECLEVEL=0"] : [];
  return [...TLS13_CIPHER_SUITES, ...older, ...level].join(":");
}

/** PEM text, inline or from a file; undefined where there is neither. */
async function pem(
  fields: Fields,
  name: "cert" | "key" | "client_ca",
  read: ReadNamed,
): Promise<string | undefined> {
  const inline = fields.text(name);
  const file = fields.text(`${name}_file`);
  if (inline !== undefined && file !== undefined) {
    fields.refuse(name, `either it or ${name}_file, not both`);
  }
  if (file === undefined) return inline;
  try {
    return await read(file);
  } catch (error) {
    if (!(error instanceof WebConfigError)) throw error;
    return fields.refuse(`${name}_file`, `a file that can be read (${error.message})`, file);
  }
}

function checkKeyPair(fields: Fields, cert: string, key: string): void {
  const certificate =
    tried(() => new X509Certificate(cert)) ??
    fields.refuse(given(fields, "cert"), "a PEM certificate");
  const privateKey =
    tried(() => createPrivateKey(key)) ??
    fields.refuse(given(fields, "key"), "a PEM private key without a passphrase");
  if (!certificate.checkPrivateKey(privateKey)) {
    fields.refuse(given(fields, "key"), "the private key of the certificate");
  }
}

function certificatesIn(pem: string): number {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.filter((block) => tried(() => new X509Certificate(block)) !== undefined).length;
}

/** Which of the two fields a PEM text came from. */
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
    fields.refuse(name, alternatives([...known.keys()]), text);
  return text;
}

function tried<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
