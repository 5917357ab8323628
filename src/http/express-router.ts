import { createRequire } from "node:module";
import type { Router as ExpressRouter } from "express";

/**
 * Express's router, as Express itself has it, without the rest: what that drags in, from body parsers
 * to tables of media types, is 10 MB that nothing here uses.
 */
const fromExpress = createRequire(createRequire(import.meta.url).resolve("express"));

export const Router = fromExpress("router") as typeof ExpressRouter;
