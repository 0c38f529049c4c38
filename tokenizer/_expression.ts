/** Expressions of a stranger's `tokenizer.json`: what an engine that backtracks could take for ever over is refused. */
import { type AST, RegExpParser } from "@eslint-community/regexpp";

/** What one way through an expression may cost. */
interface Cost {
  /** Repetitions without an end: each multiplies the time by the length of the text. */
  readonly endless: number;
  /** Other places where an engine tries one thing and then another: each doubles the time. */
  readonly choices: number;
}

/** Above this, a repetition counts as one without an end. */
const few = 16;
const most: Cost = { endless: 1, choices: 4 };
const longest = 1000;

/**
 * Says what is wrong with an expression, if anything: it cannot be read, or the time that it takes could grow faster than
 * the square of the text's length. Alternatives of the whole are tried once each, and are free.
 */
export function expressionFault(pattern: string): string | undefined {
  if (pattern.length > longest) return `it has ${pattern.length} characters, expected at most ${longest}`;
  let alternatives: readonly AST.Alternative[];
  try {
    const parser = new RegExpParser({ ecmaVersion: 2025 });
    ({ alternatives } = parser.parsePattern(pattern, 0, pattern.length, { unicode: true }));
  } catch (error) {
    return (error as Error).message;
  }
  try {
    for (const alternative of alternatives) {
      const { endless, choices } = sum(alternative.elements.map(costOf));
      if (endless > most.endless || choices > most.choices) return "it repeats one thing after another";
    }
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
  return undefined;
}

class Refusal extends Error {}

function costOf(node: AST.Element): Cost {
  switch (node.type) {
    case "Quantifier": {
      const { min, max, element } = node;
      const inner = costOf(element);
      if (max > 1 && inner.endless + inner.choices > 0) throw new Refusal("it repeats a repetition");
      const endless = max > few ? 1 : 0;
      if (endless === 1 && (element.type === "Group" || element.type === "CapturingGroup")) {
        throw new Refusal("it repeats a group without end");
      }
      return sum([inner, { endless, choices: endless === 0 && min !== max ? 1 : 0 }]);
    }
    case "Group":
    case "CapturingGroup":
    case "Assertion": {
      if (!("alternatives" in node)) return free;
      const ways = node.alternatives.map(({ elements }) => sum(elements.map(costOf)));
      const dearest = (key: keyof Cost) => Math.max(...ways.map((way) => way[key]));
      return {
        endless: dearest("endless"),
        choices: dearest("choices") + (ways.length > 1 ? 1 : 0),
      };
    }
    case "Backreference":
      throw new Refusal("it refers back to what it has matched");
    default:
      return free;
  }
}

const free: Cost = { endless: 0, choices: 0 };

function sum(costs: readonly Cost[]): Cost {
  return costs.reduce((a, b) => ({ endless: a.endless + b.endless, choices: a.choices + b.choices }), free);
}
