/**
 * The server: OpenAI's image routes and A1111's over one pipeline.
 *
 * Nothing that a request holds is ever opened as a path or an address.
 *
 * @module
 */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { HTTPException } from "hono/http-exception";
import { BackendUnavailableError } from "../../core/errors.ts";
import { a1111 } from "./a1111.ts";
import { guard } from "./guard.ts";
import { BusyError } from "./jobs.ts";
import { openai } from "./openai.ts";
import type { ServerContext, ServerEnv, ServerOptions } from "./server_options.ts";

/** Makes the server; `fetch` answers a request. */
export function createApp(server: ServerOptions): Hono<ServerEnv> {
  const { body } = server.limits;
  const tooLarge = () => {
    throw new HTTPException(413, { message: `The body is too large, expected at most ${body} bytes.` });
  };
  const app = new Hono<ServerEnv>();
  app.use(guard(server));
  if (server.origins.length > 0) app.use(cors({ origin: [...server.origins] }));
  app.post("*", bodyLimit({ maxSize: body, onError: tooLarge }));
  // A place is taken before a body is read: what waits is bounded by number and by bytes.
  app.on("POST", ["/v1/images/*", "/sdapi/v1/txt2img", "/sdapi/v1/img2img"], async (c, next) => {
    const place = server.jobs.reserve(Number(c.req.header("content-length") ?? body));
    c.set("place", place);
    try {
      await next();
    } finally {
      if (!place.taken) place[Symbol.dispose]();
    }
  });
  app.get("/health", (c) => c.json({ status: "ok", jobs: server.jobs.count }));
  app.route("/v1", openai(server));
  app.route("/sdapi/v1", a1111(server));
  app.notFound((c) =>
    c.json(
      errorBody(c, {
        status: 404,
        message: `There is nothing at ${c.req.method} ${c.req.path.slice(0, 100)}.`,
      }),
      404,
    )
  );
  app.onError((error, c) => {
    const fault = faultOf(error);
    if (error instanceof BusyError) c.header("retry-after", String(error.retryAfter));
    if (fault.status === 401) c.header("www-authenticate", 'Bearer, Basic realm="mobile-diffusion"');
    return c.json(errorBody(c, fault), fault.status as 400);
  });
  return app;
}

interface Fault {
  readonly status: number;
  readonly message: string;
  readonly parameter?: string;
}

/** The pipeline's own errors about what was asked are the client's to mend. */
function faultOf(error: Error): Fault {
  const { message, cause } = error;
  if (error instanceof HTTPException) {
    const { parameter } = Object(cause) as { parameter?: string };
    return { status: error.status, message, ...parameter !== undefined && { parameter } };
  }
  if (error instanceof BusyError) return { status: 429, message };
  if (error instanceof BackendUnavailableError) return { status: 503, message };
  if (error.name === "AbortError") return { status: 499, message: "The client has gone." };
  if (error instanceof RangeError || error instanceof TypeError) return { status: 400, message };
  return { status: 500, message: "The picture could not be made; the server's log says why." };
}

function errorBody(c: ServerContext, { status, message, parameter = undefined }: Fault): object {
  const type = status === 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error";
  if (!c.req.path.startsWith("/sdapi/")) {
    return { error: { message, type, param: parameter ?? null, code: null } };
  }
  return { error: type, detail: message, body: "", errors: message };
}
