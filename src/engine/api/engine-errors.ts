/** The engine answered with a status other than 2xx. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** No connection to the engine's address. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}
