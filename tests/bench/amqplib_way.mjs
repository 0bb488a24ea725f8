// node's amqplib: a page of 1000 published, then waitForConfirms. node amqplib_way.mjs URL EVENTS MESSAGES_FILE
// MESSAGES_FILE: one JSON object a line, {routing_key, body, options}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [url, events, file] = process.argv.slice(2);
const amqp = createRequire(process.env.AMQPLIB_HOME + "/")("amqplib");
const messages = readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));
for (const message of messages) message.body = Buffer.from(message.body);
const connection = await amqp.connect(url);
const channel = await connection.createConfirmChannel();
channel.on("return", () => { throw new Error("a message was returned"); });
const cpu = process.cpuUsage();
const started = process.hrtime.bigint();
for (let sent = 0; sent < Number(events); sent += messages.length) {
  for (const { routing_key, body, options } of messages) channel.publish("nhn.notifications", routing_key, body, options);
  await channel.waitForConfirms();
}
const seconds = Number(process.hrtime.bigint() - started) / 1e9;
const { user, system } = process.cpuUsage(cpu);
const memory_mb = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ events: Number(events), seconds, cpu_s: (user + system) / 1e6, memory_mb }));
await connection.close();
