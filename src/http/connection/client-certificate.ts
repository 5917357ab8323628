import type { TLSSocket } from "node:tls";
import { subjectAltNames } from "../web-config/subject-alt-names.ts";
import type { ServerTls } from "../web-config/web-config.ts";

/** Returns why the client's certificate, or the lack of one, is rejected; undefined if accepted. */
export function clientCertificateProblem(
  socket: Pick<TLSSocket, "authorized" | "authorizationError" | "getPeerX509Certificate">,
  { clientAuth, clientAllowedSans }: ServerTls,
): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  switch (clientAuth) {
    case "NoClientCert":
    case "RequestClientCert":
      break;
    case "RequireAnyClientCert":
      if (certificate === undefined) return "no client certificate";
      break;
    case "VerifyClientCertIfGiven":
      if (certificate !== undefined && !socket.authorized) return unverified(socket);
      break;
    case "RequireAndVerifyClientCert":
      if (certificate === undefined) return "no client certificate";
      if (!socket.authorized) return unverified(socket);
      break;
    default:
      clientAuth satisfies never;
      return "unknown client_auth_type";
  }
  if (clientAllowedSans === undefined) return undefined;
  const names = subjectAltNames(certificate?.subjectAltName);
  return names.some((name) => clientAllowedSans.has(name))
    ? undefined
    : "no allowed name in the client certificate";
}

function unverified({ authorizationError }: Pick<TLSSocket, "authorizationError">): string {
  return `client certificate not verified: ${String(authorizationError)}`;
}
