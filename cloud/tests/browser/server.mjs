// The one place that knows how the parts are started: a real Mosquitto on a free port, and the real web
// service in front of it.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Built by scripts/check-browser.sh. */
const CLOUD = process.env.NY_POWER_CLOUD_BINARY ?? new URL("../../../target/debug/ny-power-cloud", import.meta.url).pathname;
const MOSQUITTO = process.env.MOSQUITTO ?? "/usr/sbin/mosquitto";

export const ROOT = "ny-power";

/** A port that nobody has. @returns {Promise<number>} */
const freePort = () => new Promise((resolve, reject) => {
  const probe = createServer();
  probe.once("error", reject);
  probe.listen(0, "127.0.0.1", () => {
    const { port } = /** @type {import("node:net").AddressInfo} */ (probe.address());
    probe.close(() => resolve(port));
  });
});

/** @param {import("node:child_process").ChildProcess} child @param {NodeJS.Signals} signal */
const end = (child, signal) => new Promise((resolve) => {
  if (child.exitCode !== null || child.signalCode !== null) return resolve(undefined);
  child.once("exit", resolve);
  child.kill(signal);
  return undefined;
});

/** @param {() => Promise<boolean>} holds @param {string} what */
export const until = async (holds, what, seconds = 10) => {
  const deadline = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
};

export class Broker {
  static async start() {
    const broker = new Broker();
    broker.port = await freePort();
    broker.directory = await mkdtemp(join(tmpdir(), "ny-power-browser-"));
    const lines = ["allow_anonymous true", `listener ${broker.port} 127.0.0.1`, "set_tcp_nodelay true", "persistence false"];
    await writeFile(join(broker.directory, "mosquitto.conf"), `${lines.join("\n")}\n`);
    await broker.up();
    return broker;
  }

  get address() {
    return `127.0.0.1:${this.port}`;
  }

  async up() {
    this.child = spawn(MOSQUITTO, ["-c", join(this.directory, "mosquitto.conf")], { stdio: "ignore" });
    await until(async () => {
      try {
        await this.send(["-t", "ready", "-m", "ready"]);
        return true;
      } catch {
        return false;
      }
    }, "Mosquitto");
  }

  kill() {
    return end(this.child, "SIGKILL");
  }

  freeze() {
    this.child.kill("SIGSTOP");
  }

  thaw() {
    this.child.kill("SIGCONT");
  }

  /** @param {string[]} options @param {string} [input] */
  send(options, input) {
    const sent = run("mosquitto_pub", ["-h", "127.0.0.1", "-p", String(this.port), "-q", "1", ...options], { timeout: 5000 });
    if (input !== undefined) sent.child.stdin?.end(input);
    return sent;
  }

  /** Publishes below the root, retained. @param {string} topic @param {unknown} payload */
  retain(topic, payload) {
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    return this.send(["-r", "-t", `${ROOT}/${topic}`, "-s"], text);
  }

  /** Has the broker forget a retained topic below the root. @param {string} topic */
  forget(topic) {
    return this.send(["-r", "-t", `${ROOT}/${topic}`, "-n"]);
  }

  /** Publishes below the root, not retained. @param {string} topic @param {string} text */
  tell(topic, text) {
    return this.send(["-t", `${ROOT}/${topic}`, "-s"], text);
  }

  async stop() {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export class Web {
  /** @param {string} broker `host:port` */
  static async start(broker) {
    const web = new Web();
    const settings = { NY_POWER_CLOUD__MQTT__URL: `mqtt://${broker}`, NY_POWER_CLOUD__WEB__BIND: "127.0.0.1:0" };
    web.child = spawn(CLOUD, ["web"], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...settings } });
    let log = "";
    web.child.stderr.on("data", (text) => (log = (log + text).slice(-4000)));
    web.url = await new Promise((resolve, reject) => {
      createInterface({ input: web.child.stdout }).on("line", (line) => {
        const address = /^dashboard: *(http:\S+)/.exec(line)?.[1];
        if (address) resolve(address);
      });
      web.child.once("error", reject);
      web.child.once("exit", (code) => reject(new Error(`ny-power-cloud web ended with ${code}:\n${log}`)));
    });
    return web;
  }

  /** Waits until the service has what was published. */
  ready() {
    return until(async () => (await fetch(new URL("/readyz", this.url))).ok, "/readyz");
  }

  stop() {
    return end(this.child, "SIGTERM");
  }
}
