/** Commands as `commander` wants them, and its answers as ours. */
import process from "node:process";
import { Command, CommanderError, Option } from "commander";
import {
  type CommandEntry,
  type OptionEntry,
  type OptionTable,
  type OptionWords,
  type ParsedArguments,
  parsedArguments,
  UsageError,
} from "./usage.ts";

/** What the program is called where it is installed. */
export const PROGRAM = "mobile-diffusion";

/**
 * Runs the command that the arguments name. Help and version go to standard output.
 *
 * @returns The exit code.
 * @throws {UsageError} If the arguments name none, or not as it wants them.
 */
export async function runProgram(
  commands: readonly CommandEntry[],
  version: string,
  args: readonly string[],
): Promise<number> {
  const program = quiet(new Command(PROGRAM))
    .description("Text to image on the device that you have.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "explain a command, with its options")
    .addHelpText("after", `\nExample:\n  $ ${PROGRAM} ${commands[0]!.name} ${commands[0]!.examples[0]}`);
  for (const entry of commands) program.addCommand(commandOf(entry));
  return await explained(() => program.parseAsync(args, { from: "user" }), commands);
}

/**
 * Parses the arguments of a script that has options and nothing else; `--help` prints them and ends it.
 *
 * @throws {UsageError} As {@linkcode runProgram}.
 */
export function parseArguments(args: readonly string[], options: OptionTable): ParsedArguments {
  const command = quiet(new Command("script")).allowExcessArguments(true);
  const read = addOptions(command, options);
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) process.exit(0);
    throw error instanceof CommanderError ? new UsageError(sentence(error, [])) : error;
  }
  return parsedArguments(options, command.args, read());
}

function commandOf(entry: CommandEntry): Command {
  const command = quiet(new Command(entry.name))
    .description(entry.text)
    .summary(entry.text)
    .helpOption("-h, --help", "explain this command")
    .allowExcessArguments(true) // a command says better what it wants
    .addHelpText(
      "after",
      `\nExamples:\n${entry.examples.map((one) => `  $ ${PROGRAM} ${entry.name} ${one}\n`).join("")}`,
    );
  for (const [name, text] of Object.entries(entry.words)) command.argument(`[${name}]`, text);
  const read = addOptions(command, entry.options);
  return command.action(async () => await entry.run(parsedArguments(entry.options, command.args, read())));
}

/** Errors are thrown, and said in one place. */
function quiet(command: Command): Command {
  return command.exitOverride().configureOutput({ outputError() {} });
}

/** Adds options, and gives what reads those that were given. */
function addOptions(command: Command, table: OptionTable): () => OptionWords {
  const options = Object.entries(table).map(([name, entry]) => [name, optionOf(name, entry)] as const);
  for (const [, option] of options) command.addOption(option);
  return () =>
    Object.fromEntries(options.flatMap(([name, option]) => {
      const value: unknown = command.getOptionValue(option.attributeName());
      return value === undefined ? [] : [[name, value as OptionWords[string]]];
    }));
}

function optionOf(name: string, entry: OptionEntry): Option {
  const { text, value, short, choices, range, multiple, group } = entry;
  const letter = short === undefined ? "" : `-${short}, `;
  const said = [
    ...range === undefined ? [] : [range],
    ...choices === undefined ? [] : [`one of ${choices.join(", ")}`],
    ...multiple === true ? ["may be repeated"] : [],
    ...entry.default === undefined ? [] : [`default: ${entry.default}`],
  ];
  const option = new Option(
    `${letter}--${name}${value === undefined ? "" : ` <${value}>`}`,
    said.length === 0 ? text : `${text} (${said.join("; ")})`,
  );
  if (group !== undefined) option.helpGroup(`${group}:`);
  return multiple === true
    ? option.argParser((one: string, before: readonly string[] = []) => [...before, one])
    : option;
}

async function explained(run: () => Promise<unknown>, commands: readonly CommandEntry[]): Promise<number> {
  try {
    await run();
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code.startsWith("commander.help") || error.code === "commander.version") return error.exitCode;
    throw new UsageError(sentence(error, commands));
  }
}

/** What commander found wrong. */
function sentence({ code, message }: CommanderError, commands: readonly CommandEntry[]): string {
  const [, what] = message.match(/'(?:-\w, )?([^' ]+)[^']*'/) ?? [];
  const [, similar] = message.match(/\(Did you mean (.*?)\?\)/) ?? [];
  const meant = similar === undefined ? undefined : `did you mean ${similar}?`;
  switch (code) {
    case "commander.unknownCommand": {
      const names = commands.map(({ name }) => name).join(", ");
      return `Unknown command "${what}": expected one of ${names}${meant === undefined ? "." : `; ${meant}`}`;
    }
    case "commander.unknownOption":
      return `Unknown option ${what}: ${meant ?? "expected one of those that --help lists."}`;
    case "commander.optionMissingArgument":
      return `Cannot read ${what}: nothing follows it, expected its value.`;
    default:
      return message.replace(/^error: /, "");
  }
}
