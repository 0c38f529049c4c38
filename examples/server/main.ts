// Serves a model to clients of OpenAI's image API and of A1111's: deno task serve --help
import { VERSION } from "../../cli/_version.ts";
import { runProgram } from "../../cli/program.ts";
import { serveCommand } from "./serve.ts";

try {
  Deno.exit(await runProgram([serveCommand], VERSION, ["serve", ...Deno.args]));
} catch (error) {
  console.error((error as Error).message);
  Deno.exit(1);
}
