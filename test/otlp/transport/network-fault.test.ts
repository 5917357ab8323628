import { expect, test } from "@jest/globals";
import { networkFault } from "../../../src/otlp/transport/network-fault.ts";

/** As Node.js makes them. */
const fault = (code: string, message: string): Error => Object.assign(new Error(message), { code });

test.each([
  ["ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:4318", "connect"],
  ["EHOSTUNREACH", "connect EHOSTUNREACH 10.0.0.1:4318", "connect"],
  ["ENOTFOUND", "getaddrinfo ENOTFOUND otel", "dns"],
  ["EAI_AGAIN", "getaddrinfo EAI_AGAIN otel", "dns"],
  ["ETIMEDOUT", "connect ETIMEDOUT 10.0.0.1:4318", "timeout"],
  ["ECONNRESET", "socket hang up", "reset"],
  ["EPIPE", "write EPIPE", "reset"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", "tls"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to verify the first certificate", "tls"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match certificate's altnames", "tls"],
  ["EPROTO", "write EPROTO 0:error:0A00010B:SSL routines::wrong version number", "tls"],
  ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "ssl/tls alert certificate required", "tls"],
  [
    "ECONNRESET",
    "Client network socket disconnected before secure TLS connection was established",
    "tls",
  ],
  ["HPE_INVALID_CONSTANT", "Parse Error: Expected HTTP/", "protocol"],
  ["", "No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1", "connect"],
  ["", "Name resolution failed for target dns:nobody.invalid:4317", "dns"],
  ["ESOMETHING", "never heard of", "network"],
])("reads %s %s as %s", (code, message, reason) => {
  expect(networkFault(fault(code, message))).toEqual({ reason, message });
});

test("gives the code without a message, and other values as text", () => {
  expect(networkFault(fault("ECONNREFUSED", ""))).toEqual({
    reason: "connect",
    message: "ECONNREFUSED",
  });
  expect(networkFault("odd")).toEqual({ reason: "network", message: "odd" });
  expect(networkFault(null)).toEqual({ reason: "network", message: "null" });
});
