/**
 * The outcome of a request. A failure is an outcome too: nothing is thrown.
 *
 * - `accepted`: all but `rejected` of them (partial success), which must not be sent again.
 * - `retry`: later, and not before `afterMs` if the endpoint requested that.
 * - `too-large`: the endpoint may accept a smaller request.
 * - `rejected`: the endpoint will never accept this request.
 *
 * `reason` is one of few short words, for a label; `message` is for people, bounded, without secrets.
 */
export type SendOutcome =
  | { readonly kind: "accepted"; readonly rejected: number; readonly message: string }
  | {
      readonly kind: "retry";
      readonly reason: string;
      readonly message: string;
      readonly afterMs: number | undefined;
    }
  | { readonly kind: "too-large"; readonly reason: string; readonly message: string }
  | { readonly kind: "rejected"; readonly reason: string; readonly message: string };

/** Sends requests of one signal to one endpoint, in its protocol. */
export interface OtlpSender extends AsyncDisposable {
  /**
   * @param request the protobuf bytes of an `ExportLogsServiceRequest` or `ExportMetricsServiceRequest`,
   *   whatever the endpoint's protocol is
   * @param signal aborts the request; that is a `retry`
   */
  send(request: Uint8Array, signal: AbortSignal): Promise<SendOutcome>;
}
