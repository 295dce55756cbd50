// The official `@anthropic-ai/sdk` client works unmodified: `MAILY_SERVER` is the binary of the server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';

import { RETRY_AFTER, SCHEMA, TEXT, served } from './scripted.mjs';

let mesh;
let client;

before(async () => {
  mesh = await served();
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

test('messages answers, and calls a tool', async () => {
  const { data, request_id } = await client.messages.create(prompt('use the tool', { tools })).withResponse();

  assert.deepEqual(data.content.map((block) => block.type), ['text', 'tool_use']);
  assert.equal(data.content[0].text, TEXT);
  assert.deepEqual(data.content[1].input, { city: 'Köln' });
  assert.equal(data.stop_reason, 'tool_use');
  assert.deepEqual([data.usage.input_tokens, data.usage.cache_read_input_tokens], [4, 16]);
  assert.ok(request_id === null || request_id === undefined || request_id.length > 0);
});

test('messages streams, and calls a tool', async () => {
  const stream = client.messages.stream(prompt('use the tool', { tools }));
  const kinds = [];
  for await (const event of stream) kinds.push(event.type);
  const final = await stream.finalMessage();

  assert.equal(kinds[0], 'message_start');
  assert.equal(kinds.at(-1), 'message_stop');
  assert.equal(final.content[0].text, TEXT);
  assert.deepEqual(final.content[1].input, { city: 'Köln' });
  assert.equal(final.usage.output_tokens, 11);
});

test('message that is cut is read as one that is not', async () => {
  const before = mesh.seen.length;
  const stream = client.messages.stream(prompt('cut'));
  const seen = [];
  for await (const event of stream) seen.push(event);

  const final = await stream.finalMessage();

  assert.equal(mesh.seen.length - before, 2);
  assert.equal(seen.filter((event) => event.type === 'message_start').length, 1);
  assert.equal(seen.filter((event) => event.type === 'message_stop').length, 1);
  assert.equal(final.id, seen[0].message.id);
  assert.deepEqual(final.content.map((block) => block.text), [TEXT]);
  assert.equal(final.stop_reason, 'end_turn');
});

test('answer that the caller began goes on', async () => {
  const begun = { role: 'assistant', content: 'I will' };
  const messages = [{ role: 'user', content: 'Hi' }, begun];

  const final = await client.messages.stream({ ...prompt('Hi'), messages }).finalMessage();

  assert.equal(final.content[0].text, TEXT.slice('I will '.length));
  assert.equal(mesh.seen.at(-1).body.continue_final_message, true);
});

test('results of tools and pictures are carried', async () => {
  const source = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' };
  const messages = [
    { role: 'user', content: 'Köln?' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'weather', input: { city: 'Köln' } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: 'rain' }, { type: 'image', source }] },
  ];

  await client.messages.create({ ...prompt(''), messages, tools });

  const said = mesh.seen.at(-1).body.messages;
  assert.deepEqual(said.map((message) => message.role), ['user', 'assistant', 'tool', 'user']);
  assert.equal(said[2].content, 'rain');
  assert.equal(said[3].content[0].image_url.url, 'data:image/png;base64,iVBORw0KGgo=');
});

test('tokens are counted and models listed', async () => {
  const { input_tokens } = await client.messages.countTokens({ model: 'm', messages: prompt('How many?').messages });
  assert.ok(input_tokens > 3 && input_tokens < 40);

  const models = [];
  for await (const model of client.models.list()) models.push(model.id);
  assert.deepEqual(models, ['default']);
});

test('errors are those of the client', async () => {
  await assert.rejects(client.messages.create({ ...prompt('Hi'), messages: [] }), (err) => {
    assert.ok(err instanceof Anthropic.BadRequestError);
    assert.deepEqual([err.error.type, err.error.error.type], ['error', 'invalid_request_error']);
    return true;
  });
  const container = [{ type: 'container_upload', file_id: 'f' }];
  await assert.rejects(client.messages.create(prompt(container)), (err) => {
    assert.ok(err instanceof Anthropic.BadRequestError);
    assert.ok(err.message.includes('/messages/0/content/0/type'));
    return true;
  });
});

test('stream that fails is an error and no end', async () => {
  await assert.rejects(client.messages.stream(prompt('fail')).finalMessage(), Anthropic.APIError);
});

test('thirty-two streams at once', async () => {
  const say = () => client.messages.stream(prompt('Hi')).finalText();

  assert.deepEqual(new Set(await Promise.all(Array.from({ length: 32 }, say))), new Set([TEXT]));
});

// Last: the node is left alone for the time that it asks for.
test('retry after is told, and waited for', async () => {
  await assert.rejects(client.messages.create(prompt('throttle')), (err) => {
    assert.ok(err instanceof Anthropic.RateLimitError);
    assert.equal(err.headers.get('retry-after'), `${RETRY_AFTER}`);
    assert.equal(err.error.error.type, 'rate_limit_error');
    return true;
  });

  const start = performance.now();
  const answer = await client.withOptions({ maxRetries: 2 }).messages.create(prompt('throttle'));

  assert.equal(answer.content[0].text, TEXT);
  const waited = performance.now() - start;
  console.log(`asked to wait for ${RETRY_AFTER} s, the answer came after ${(waited / 1000).toFixed(2)} s`);
  assert.ok(waited > 1000);
});
