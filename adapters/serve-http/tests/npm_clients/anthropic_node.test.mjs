// The official `@anthropic-ai/sdk` client through a mesh whose node takes messages: nothing is translated there.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';

import { RETRY_AFTER, SCHEMA, TEXT, served } from './scripted.mjs';

let mesh;
let client;

before(async () => {
  mesh = await served({ native: true });
  client = new Anthropic({ baseURL: mesh.address, apiKey: 'none', timeout: 30_000, maxRetries: 0 });
});
after(() => mesh?.end());

const prompt = (content, more = {}) => ({
  model: 'm',
  max_tokens: 50,
  messages: [{ role: 'user', content }],
  ...more,
});
const tools = [{ name: 'weather', input_schema: SCHEMA }];

test('node of messages answers, and calls a tool', async () => {
  const answer = await client.messages.create(prompt('use the tool', { tools }));

  assert.deepEqual(answer.content.map((block) => block.type), ['text', 'tool_use']);
  assert.equal(answer.content[0].text, TEXT);
  assert.deepEqual(answer.content[1].input, { city: 'Köln' });
  assert.deepEqual([answer.usage.input_tokens, answer.usage.cache_read_input_tokens], [4, 16]);
});

test('node of messages streams, and calls a tool', async () => {
  const stream = client.messages.stream(prompt('use the tool', { tools }));
  const kinds = [];
  for await (const event of stream) kinds.push(event.type);
  const final = await stream.finalMessage();

  assert.deepEqual([kinds[0], kinds.at(-1)], ['message_start', 'message_stop']);
  assert.equal(final.content[0].text, TEXT);
  assert.deepEqual(final.content[1].input, { city: 'Köln' });
});

test('two hundred prompts, thirty-two at a time', async () => {
  const said = new Set();
  let left = 200;
  const ask = async () => {
    while (left-- > 0) said.add(await client.messages.stream(prompt('Hi')).finalText());
  };

  await Promise.all(Array.from({ length: 32 }, ask));

  assert.deepEqual(said, new Set([TEXT]));
});

test('what the node refuses is an error of the client', async () => {
  const container = [{ type: 'container_upload', file_id: 'f' }];
  await assert.rejects(client.messages.create(prompt(container)), Anthropic.BadRequestError);
});

// Last: the node is left alone for the time that it asks for.
test('node of messages asks to wait, and the client hears it', async () => {
  await assert.rejects(client.messages.create(prompt('throttle')), (err) => {
    assert.ok(err instanceof Anthropic.RateLimitError);
    const wait = Number(err.headers.get('retry-after'));
    assert.ok(wait > 0 && wait <= RETRY_AFTER, `${wait}`);
    return true;
  });
});
