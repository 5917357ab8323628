/** The part of `negotiator` 1.1 that unitwatch uses; the types of DefinitelyTyped are for 0.6. */
declare module "negotiator" {
  export default class Negotiator {
    constructor(request: {
      readonly headers: { readonly accept?: string; readonly "accept-encoding"?: string };
    });
    /** Returns the best of these types, or undefined if the header allows none of them. */
    mediaType(available: readonly string[]): string | undefined;
    /** @param options `preferred` decides between codings of the same weight */
    encoding(
      available: readonly string[],
      options: { readonly preferred: readonly string[] },
    ): string | undefined;
  }
}
