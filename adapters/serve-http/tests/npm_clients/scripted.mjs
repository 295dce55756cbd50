// A chat node on loopback that does what the prompt says, and a mesh in front of it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

export const WORDS = ['I ', 'will ', 'löok ', 'it ', 'up.'];
export const TEXT = WORDS.join('');
export const ARGUMENTS = '{"city":"Köln"}';
export const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
/** How long a throttled node wants to be left alone, in seconds: longer than the mesh itself would wait. */
export const RETRY_AFTER = 3;

const chunk = (delta, finish_reason = null) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason }],
});
const USAGE = {
  prompt_tokens: 20,
  completion_tokens: 11,
  total_tokens: 31,
  prompt_tokens_details: { cached_tokens: 16 },
  completion_tokens_details: { reasoning_tokens: 5 },
};

/** What the node streams behind the words that the prompt ends with: text, a call of a tool, a count. */
function* events(said, begun) {
  yield chunk({ role: 'assistant', content: '' });
  for (const word of WORDS.slice(begun)) yield chunk({ content: word });
  if (said.includes('tool')) {
    const call = (fields) => chunk({ tool_calls: [{ index: 0, ...fields }] });
    yield call({ id: 'call_a', type: 'function', function: { name: 'weather', arguments: '' } });
    for (const piece of ARGUMENTS.match(/.{1,7}/gu)) yield call({ function: { arguments: piece } });
  }
  yield chunk({}, said.includes('tool') ? 'tool_calls' : 'stop');
  yield { ...chunk({}), choices: [], usage: USAGE };
}

/** The same as one object. */
function whole(said) {
  const message = { role: 'assistant', content: TEXT };
  const tool = said.includes('tool');
  if (tool) {
    message.tool_calls = [
      { id: 'call_a', type: 'function', function: { name: 'weather', arguments: ARGUMENTS } },
    ];
  }
  const choice = { index: 0, message, finish_reason: tool ? 'tool_calls' : 'stop' };
  return { ...chunk({}), object: 'chat.completion', choices: [choice], usage: USAGE };
}

/** How many words stand at the end of the prompt, as the beginning of the assistant's message. */
function begun({ messages, continue_final_message: goesOn }) {
  const last = messages.at(-1);
  if (last.role !== 'assistant' || !goesOn) return 0;
  return WORDS.findIndex((_, at) => WORDS.slice(0, at).join('').trimEnd() === last.content);
}

function answer(body, throttled, response) {
  const said = JSON.stringify(body.messages);
  if (said.includes('throttle') && throttled.add(said)) {
    response.writeHead(429, { 'retry-after': `${RETRY_AFTER}`, 'content-type': 'application/json' });
    return response.end('{"error":{"message":"slow down"}}');
  }
  if (!body.stream) {
    response.writeHead(200, { 'content-type': 'application/json', 'x-request-id': 'req_node' });
    return response.end(JSON.stringify(whole(said)));
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const from = begun(body);
  const write = (event) => response.write(`data: ${JSON.stringify(event)}\n\n`);
  if (said.includes('cut') && from === 0) {
    for (const event of [...events(said, 0)].slice(0, 4)) write(event);
    // Behind what was written, the connection breaks.
    return setTimeout(() => response.destroy(), 20);
  }
  if (said.includes('fail')) {
    write(chunk({ content: WORDS[0] }));
    return response.end(`data: ${JSON.stringify({ error: { message: 'overloaded' } })}\n\n`);
  }
  for (const event of events(said, from)) write(event);
  return response.end('data: [DONE]\n\n');
}

/** A set that says whether a value is new. */
class Once {
  #known = new Set();

  add(value) {
    const isNew = !this.#known.has(value);
    this.#known.add(value);
    return isNew;
  }
}

/**
 * Starts the node and the mesh; resolves with the address of the mesh, what the node was asked, and how to end both.
 *
 * With `native` there is another mesh in front, whose node is the first one: it is asked in messages.
 */
export async function served({ native = false } = {}) {
  const seen = [];
  const throttled = new Once();
  const node = createServer(async (request, response) => {
    const pieces = await request.toArray();
    const body = JSON.parse(Buffer.concat(pieces).toString());
    seen.push({ body, at: performance.now() });
    answer(body, throttled, response);
  });
  node.listen(0, '127.0.0.1');
  await once(node, 'listening');
  const servers = [];
  const end = () => {
    for (const server of servers) server.kill('SIGKILL');
    node.closeAllConnections();
    node.close();
  };
  try {
    let address = await mesh(`http://127.0.0.1:${node.address().port}/v1`, servers);
    if (native) address = await mesh(`anthropic+${address}/v1`, servers);
    return { address, seen, end };
  } catch (err) {
    end();
    throw err;
  }
}

/** Starts a mesh with one node, and adds it to `servers`; resolves with its address. */
async function mesh(url, servers) {
  const args = ['serve', 'mesh', '--listen', '127.0.0.1:0', '--node', `n=${url}`];
  const server = spawn(process.env.MAILY_SERVER, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  servers.push(server);
  const lines = createInterface({ input: server.stdout });
  for await (const line of lines) {
    const [address] = line.match(/http:\/\/\S+/u) ?? [];
    if (address && line.includes('listens on')) {
      // What follows is not read, and must not stop the server.
      server.stdout.resume();
      return address;
    }
  }
  throw new Error('the server does not start');
}
