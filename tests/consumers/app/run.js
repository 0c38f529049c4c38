// On Node, Deno and Bun.
import process from "node:process";
import { picture } from "./picture.js";

const warnings = [];
const backend = process.argv[2] ?? "default";
const colours = await picture(backend, { onWarning: (message) => warnings.push(message) });
process.stdout.write(`${JSON.stringify({ colours, warnings })}\n`, () => process.exit(0));
