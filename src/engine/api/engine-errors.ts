/** The engine answered with a status that is none of success. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** There is nobody where the engine should be. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}
