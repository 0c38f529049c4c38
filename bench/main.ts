/** `deno task bench NAME`: runs one of the files beside this one. */
const [name, ...args] = Deno.args;
const names = [...Deno.readDirSync(import.meta.dirname!)]
  .map((entry) => entry.name)
  .filter((file) => /^[a-z]\w*\.ts$/.test(file) && file !== "main.ts")
  .map((file) => file.slice(0, -3))
  .sort();
if (name === undefined || !names.includes(name)) {
  console.error(`Unknown benchmark "${name ?? ""}": expected one of ${names.join(", ")}.`);
  Deno.exit(1);
}
const child = new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", `${import.meta.dirname}/${name}.ts`, ...args],
});
Deno.exit((await child.spawn().status).code);
