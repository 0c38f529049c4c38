/**
 * Who may ask: Host, Origin and token are checked before anything else is read.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import type { MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";

/** What is let in. */
export interface GuardOptions {
  /** Names under which the server is reached; addresses and `localhost` always are, since no page can claim them. */
  readonly hosts: readonly string[];
  /** Origins of pages that may use it, or `*`. */
  readonly origins: readonly string[];
  /** One of these has to be shown, as a bearer token or a password; none lets everyone in. */
  readonly tokens: readonly string[];
}

/**
 * Refuses other hosts (a page whose name was bound to this machine's address), other pages, and whoever has no token.
 */
export function guard({ hosts, origins, tokens }: GuardOptions): MiddlewareHandler {
  const known = new Set(["localhost", ...hosts.map((host) => host.toLowerCase())]);
  return async (c, next) => {
    const host = c.req.header("host") ?? "";
    const name = URL.parse(`http://${host}`)?.hostname.replace(/^\[|\]$/g, "") ?? "";
    if (isIP(name) === 0 && !known.has(name)) {
      throw new HTTPException(403, {
        message: `The host ${JSON.stringify(host.slice(0, 100))} is not known here, expected ${
          [...known].join(", ")
        } or an address (--allow-host adds one).`,
      });
    }
    const origin = c.req.header("origin");
    const isForeign = origin !== undefined && URL.parse(origin)?.host !== host;
    if (isForeign && !origins.includes(origin) && !origins.includes("*")) {
      throw new HTTPException(403, {
        message: `Pages of ${
          JSON.stringify(origin.slice(0, 100))
        } may not use this server (--cors lets them).`,
      });
    }
    if (tokens.length > 0 && c.req.method !== "OPTIONS") {
      const shown = shownToken(c.req.header("authorization") ?? "");
      if (!tokens.some((token) => same(token, shown))) {
        throw new HTTPException(401, {
          message: "The token is missing or wrong, expected it as a bearer token or as a password.",
        });
      }
    }
    await next();
  };
}

function shownToken(authorization: string): string {
  const [, scheme = "", value = ""] = authorization.match(/^(bearer|basic)\s+(\S+)$/i) ?? [];
  if (scheme.toLowerCase() !== "basic") return value;
  const pair = Buffer.from(value, "base64").toString();
  return pair.slice(pair.indexOf(":") + 1);
}

/** In a time that does not tell how much of it was right. */
function same(a: string, b: string): boolean {
  const [one, other] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(one!, other!);
}
