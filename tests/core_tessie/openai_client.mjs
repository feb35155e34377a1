// OpenAI's npm package, unmodified, against the address and key of the command line; prints what it saw as JSON.
import OpenAI, { APIError } from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "Hello" }];
const tools = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];

const whole = await client.chat.completions.create({ model: "default", messages });
let streamed = "";
for await (const chunk of await client.chat.completions.create({ model: "default", messages, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}
const called = await client.chat.completions.create({ model: "default", messages, tools });
const call = called.choices[0].message.tool_calls[0].function;
const models = await client.models.list();

const errors = [];
for (const ask of [
  () => new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 }).models.list(),
  () => client.chat.completions.create({ model: "none", messages }),
  () => client.chat.completions.create({ model: "default", messages: [] }),
]) {
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof APIError)) throw error;
    errors.push(`${error.constructor.name} ${error.status}`);
  }
}
console.log(JSON.stringify({
  whole: whole.choices[0].message.content,
  streamed,
  call: [call.name, JSON.stringify(JSON.parse(call.arguments))],
  models: models.data.length > 0,
  errors,
}));
