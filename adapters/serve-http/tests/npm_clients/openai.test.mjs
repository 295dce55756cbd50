// The official `openai` client works unmodified: `MAILY_URL` is a server with a local model, `MAILY_SERVER` the binary.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import OpenAI from 'openai';

import { ARGUMENTS, RETRY_AFTER, SCHEMA, TEXT, served } from './scripted.mjs';

const local = new OpenAI({ baseURL: `${process.env.MAILY_URL}/v1`, apiKey: 'none', timeout: 120_000 });
const model = process.env.MAILY_MODEL ?? 'default';
let mesh;
let client;

before(async () => {
  mesh = await served();
  client = new OpenAI({ baseURL: `${mesh.address}/v1`, apiKey: 'none', timeout: 30_000, maxRetries: 0 });
});
after(() => mesh?.end());

const user = (content) => [{ role: 'user', content }];

test('chat answers', async () => {
  const answer = await local.chat.completions.create({ model, messages: user('Say hello.'), max_tokens: 8 });

  assert.equal(answer.object, 'chat.completion');
  assert.ok(answer.choices[0].message.content);
  assert.ok(answer.usage.total_tokens > answer.usage.completion_tokens);
});

test('chat streams', async () => {
  const options = { stream: true, stream_options: { include_usage: true } };
  const stream = await local.chat.completions.create({
    model,
    messages: user('Say hello.'),
    max_tokens: 8,
    ...options,
  });

  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);

  assert.ok(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('').trim());
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

test('stream that is left stops', async () => {
  const options = { model, messages: user('Still there?'), max_tokens: 4 };
  for (let at = 0; at < 3; at += 1) {
    const stream = await local.chat.completions.create({ ...options, stream: true });
    for await (const _ of stream) break;
  }

  const answer = await local.chat.completions.create(options);
  assert.ok(answer.choices[0].message.content);
});

test('embeddings have length one', async (t) => {
  let answer;
  try {
    answer = await local.embeddings.create({ model: 'default', input: ['spring sale', 'kettle'] });
  } catch (err) {
    assert.equal(err.code, 'embedder-missing');
    return t.skip('this server has no embedder');
  }

  assert.deepEqual(answer.data.map((item) => item.index), [0, 1]);
  for (const { embedding } of answer.data) {
    assert.ok(Math.abs(embedding.reduce((sum, value) => sum + value * value, 0) - 1) < 1e-3);
  }
});

test('models are listed', async () => {
  const models = [];
  for await (const model of local.models.list()) models.push(model.id);

  assert.ok(models.length > 0);
  assert.equal((await local.models.retrieve(models[0])).id, models[0]);
  await assert.rejects(local.models.retrieve('no/such-model'), OpenAI.NotFoundError);
});

test('completions go on, whole and streamed', async () => {
  const answer = await client.completions.create({ model: 'm', prompt: 'Once' });
  assert.equal(answer.choices[0].text, TEXT);

  let text = '';
  for await (const chunk of await client.completions.create({ model: 'm', prompt: 'Once', stream: true })) {
    text += chunk.choices[0]?.text ?? '';
  }
  assert.equal(text, TEXT);
});

test('chat streams a call of a tool', async () => {
  const tools = [{ type: 'function', function: { name: 'weather', parameters: SCHEMA } }];
  const stream = client.chat.completions.stream({ model: 'm', messages: user('use the tool'), tools });

  const final = await stream.finalChatCompletion();

  assert.equal(final.choices[0].message.content, TEXT);
  assert.equal(final.choices[0].message.tool_calls[0].function.arguments, ARGUMENTS);
  assert.equal(final.choices[0].finish_reason, 'tool_calls');
});

test('responses answers', async () => {
  const tools = [{ type: 'function', name: 'weather', parameters: SCHEMA, strict: true }];
  const answer = await client.responses.create({ model: 'm', input: 'use the tool', tools });

  assert.equal(answer.status, 'completed');
  assert.equal(answer.output_text, TEXT);
  assert.equal(answer.output.at(-1).arguments, ARGUMENTS);
  assert.equal(answer.usage.input_tokens_details.cached_tokens, 16);
});

test('responses streams typed events', async () => {
  const stream = client.responses.stream({ model: 'm', input: 'use the tool' });
  const seen = [];
  for await (const event of stream) seen.push(event);
  const final = await stream.finalResponse();

  assert.deepEqual(seen.map((event) => event.sequence_number), [...seen.keys()]);
  assert.equal(seen[0].type, 'response.created');
  assert.equal(seen.at(-1).type, 'response.completed');
  const deltas = seen.filter((event) => event.type === 'response.output_text.delta');
  assert.equal(deltas.map((event) => event.delta).join(''), TEXT);
  assert.equal(final.output_text, TEXT);
  assert.equal(final.output.at(-1).arguments, ARGUMENTS);
});

test('chat that is cut is read as one that is not', async () => {
  const before = mesh.seen.length;
  const stream = client.chat.completions.stream({ model: 'm', messages: user('cut') });

  const final = await stream.finalChatCompletion();

  assert.equal(final.choices[0].message.content, TEXT);
  assert.equal(mesh.seen.length - before, 2);
});

test('response that is cut is read as one that is not', async () => {
  const before = mesh.seen.length;
  const stream = client.responses.stream({ model: 'm', input: 'cut' });
  const seen = [];
  for await (const event of stream) seen.push(event);
  const final = await stream.finalResponse();

  assert.equal(mesh.seen.length - before, 2);
  assert.deepEqual(seen.map((event) => event.sequence_number), [...seen.keys()]);
  assert.equal(seen.filter((event) => event.type === 'response.created').length, 1);
  assert.equal(new Set(seen.map((event) => event.item_id).filter(Boolean)).size, 1);
  assert.equal(final.output_text, TEXT);
  assert.equal(final.output.length, 1);
  assert.equal(final.id, seen[0].response.id);
});

test('errors are those of the client', async () => {
  const chat = (model, messages, stream = false) => client.chat.completions.create({ model, messages, stream });

  await assert.rejects(chat('m', []), (err) => {
    assert.ok(err instanceof OpenAI.BadRequestError);
    assert.deepEqual([err.code, err.param], ['prompt-invalid', '/messages']);
    return true;
  });
  await assert.rejects(local.chat.completions.create({ model: 'no-such-model', messages: user('Hi') }), (err) => {
    assert.ok(err instanceof OpenAI.NotFoundError);
    assert.equal(err.code, 'model-not-found');
    assert.ok(err.message.includes('no node serves this model'));
    return true;
  });
  const untranslatable = client.responses.create({ model: 'm', input: 'Hi', tools: [{ type: 'web_search' }] });
  await assert.rejects(untranslatable, (err) => {
    assert.ok(err instanceof OpenAI.BadRequestError);
    assert.deepEqual([err.code, err.param], ['prompt-untranslatable', '/tools/0/type']);
    return true;
  });
});

test('stream that fails is an error and no end', async () => {
  const read = async (stream) => {
    for await (const _ of await stream) {
      // Read to its end.
    }
  };

  const { APIError } = OpenAI;
  await assert.rejects(read(client.chat.completions.create({ model: 'm', messages: user('fail'), stream: true })), APIError);
  await assert.rejects(read(client.responses.create({ model: 'm', input: 'fail', stream: true })), APIError);
});

test('thirty-two streams at once', async () => {
  const say = async () => (await client.responses.stream({ model: 'm', input: 'Hi' }).finalResponse()).output_text;

  assert.deepEqual(new Set(await Promise.all(Array.from({ length: 32 }, say))), new Set([TEXT]));
});

// Last: the node is left alone for the time that it asks for.
test('retry after is told, and waited for', async () => {
  await assert.rejects(client.chat.completions.create({ model: 'm', messages: user('throttle') }), (err) => {
    assert.ok(err instanceof OpenAI.RateLimitError);
    assert.equal(err.headers.get('retry-after'), `${RETRY_AFTER}`);
    return true;
  });

  const start = performance.now();
  const patient = client.withOptions({ maxRetries: 2 });
  const answer = await patient.chat.completions.create({ model: 'm', messages: user('throttle') });

  assert.equal(answer.choices[0].message.content, TEXT);
  const waited = performance.now() - start;
  console.log(`asked to wait for ${RETRY_AFTER} s, the answer came after ${(waited / 1000).toFixed(2)} s`);
  assert.ok(waited > 1000);
});
