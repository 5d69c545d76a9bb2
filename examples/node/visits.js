// How a Node program talks to Atoll: commands in JSON, acknowledgement levels, errors, a session and a watch.
//
//   atoll up                        # in a first terminal
//   npm ci && node visits.js        # NATS_URL leads elsewhere
import { connect, headers } from "@nats-io/transport-node";

const servers = process.env.NATS_URL ?? "nats://127.0.0.1:14201";
const nc = await connect({ servers, maxReconnectAttempts: 5 }).catch((err) => {
  console.error(`visits.js: no NATS server at ${servers}: ${err.message}; start one with: atoll up`);
  process.exit(1);
});
process.once("SIGINT", () => nc.close().then(() => process.exit(130)));

// run sends a command to a region and gives its answer; one that is an error is thrown, with its code. A session is an
// object that carries the token from each answer to the next request, and can be kept in a cookie between them.
async function run(region, command, request, session) {
  const h = headers();
  if (session) h.set("Atoll-Session", session.token ?? "new");
  const msg = await nc.request(`atoll.${region}.v1.${command}`, JSON.stringify(request), { timeout: 5000, headers: h });
  const answer = msg.json();
  if (answer.error) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
  if (session && msg.headers?.has("Atoll-Session")) session.token = msg.headers.get("Atoll-Session");
  return answer;
}

try {
  console.log("set", (await run("eu", "set", { key: "node:greeting", value: "hello", args: ["EX", "60"] })).value);
  console.log("get", (await run("eu", "get", { key: "node:greeting" })).value);
  console.log("no such key", (await run("eu", "get", { key: "node:nothing" })).value);

  // A write waits for an owner in two regions. Falling short is no error: the write stays, and goes on travelling.
  const two = await run("eu", "incr", { key: "node:visits", ack: "regions:2" });
  console.log("acknowledged by", two.ack);
  const nine = await run("eu", "incr", { key: "node:visits", ack: "regions:9", timeout_ms: 300 });
  console.log("nine regions", nine.short ? `are too many, it reached ${nine.ack}` : "have it");

  // Beyond 2^53 JavaScript's numbers are not exact; the string beside is.
  const big = await run("eu", "incrby", { key: "node:big", args: ["9007199254740993"] });
  console.log("exact", BigInt(big.value_str));
  await run("eu", "del", { key: "node:big" });

  await run("eu", "hget", { args: ["node:greeting", "field"] }).catch((err) => console.log("refused", err.code));
  await run("eu", "frobnicate", {}).catch((err) => console.log("no such command", err.name));

  // The user moves from eu to us, and finds there what was written here a moment ago.
  const session = {};
  await run("eu", "set", { key: "node:cart", value: "book" }, session);
  const cart = await run("us", "get", { key: "node:cart" }, session);
  console.log("cart", cart.stale ? `${cart.value}, which may be stale` : cart.value);

  const changes = nc.subscribe("atoll.eu.v1.changes.node:cart", { max: 1, timeout: 5000 });
  await nc.flush(); // from here on it is heard
  await run("eu", "del", { key: "node:cart" });
  for await (const msg of changes) {
    const event = msg.json();
    console.log("changed", event.kind, event.key);
  }
} catch (err) {
  console.error(`visits.js: ${err.code ?? err.name}: ${err.message}`);
  process.exitCode = 1;
} finally {
  await nc.drain();
}
