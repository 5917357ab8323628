/**
 * How the endpoint took a request. A failure is an answer, and no fault: nothing is thrown.
 *
 * - `taken`: it has them, but for `rejected` of them (partial success), which are not to be sent again.
 * - `retry`: later, and not before `afterMs` where the endpoint said so.
 * - `too-large`: a smaller request may be taken.
 * - `refused`: it will never take this.
 *
 * `reason` is short and of few values, for a label; `message` is for people, bounded, without secrets.
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
