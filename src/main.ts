#!/usr/bin/env node
/*
 * Entry point. A Node.js that is too old parses this file and build-info.ts too, to print one line in
 * place of a stack: both have the syntax of ES2019 and import(), no `await` at the top level, and no
 * static import of anything else.
 */
import { nodeProblem } from "./config/build-info.ts";

const problem = nodeProblem(process.version);
if (problem === undefined) {
  // The program is loaded once the process has executed itself again.
  void import("./platform/process/one-arena.ts").then(({ useOneArena }) => {
    useOneArena();
    return import("./program.ts");
  });
} else {
  process.stderr.write(`unitwatch: error: ${problem}\n`);
  process.exitCode = 2;
}
