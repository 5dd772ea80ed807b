/**
 * Serves dist/ as a plain static host does, with the headers that trunk.toml asks for:
 * `node tests/browser/serve.mjs [port]`.
 */

import { createReadStream, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".lrc": "text/plain; charset=utf-8",
  ".mp3": "audio/mpeg",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
};

const top = fileURLToPath(new URL("../..", import.meta.url));

/** Whatever trunk.toml says under [serve.headers]. */
function policyHeaders() {
  const section = readFileSync(join(top, "trunk.toml"), "utf8").split("[serve.headers]")[1] ?? "";
  return Object.fromEntries(
    [...section.matchAll(/^"([^"]+)" = "([^"]+)"$/gm)].map(([, name, value]) => [name, value]),
  );
}

/**
 * @param {{port?: number, root?: string, headers?: Record<string, string>, scripts?: Record<string, string>}} [wish]
 *   Port 0 is any; `scripts` are a test's own, by their paths.
 */
export async function serve({
  port = 0,
  root = join(top, "dist"),
  headers = policyHeaders(),
  scripts = {},
} = {}) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://host").pathname));
    const script = scripts[path];
    if (script) {
      response.writeHead(200, { ...headers, "Content-Type": "text/javascript" }).end(script);
      return;
    }
    const file = join(root, path.endsWith("/") ? `${path}index.html` : path);
    const found = file.startsWith(root) ? await stat(file).catch(() => undefined) : undefined;
    if (!found?.isFile()) {
      response.writeHead(404, headers).end();
      return;
    }
    response.writeHead(200, {
      ...headers,
      "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
      "Content-Length": found.size,
      "Cache-Control": "no-cache",
    });
    if (request.method === "HEAD") response.end();
    else createReadStream(file).pipe(response);
  });
  await new Promise((ready) => server.listen(port, "127.0.0.1", () => ready(undefined)));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : port}/`,
    close: () => server.close(),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve({ port: Number(process.argv[2] ?? 0) });
  console.log(url);
}
