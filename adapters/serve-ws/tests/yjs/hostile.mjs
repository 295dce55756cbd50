// Speaks nonsense to the server, and checks that it lives and that the others still synchronize.
//
//   node hostile.mjs [--seed N] -- COMMAND {port} {folder}

import * as encoding from 'lib0/encoding'
import WebSocket from 'ws'
import * as awarenessProtocol from 'y-protocols/awareness'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { Server, assert, commandLine, seeded, until } from './server.mjs'

const { command, option } = commandLine()
const random = seeded(option('seed', 20261121))
const server = new Server(command)

function client (room = 'hostile') {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(server.url, room, doc, {
    WebSocketPolyfill: WebSocket, disableBc: true, maxBackoffTime: 100
  })
  return { doc, provider }
}

async function raw (room = 'hostile') {
  const socket = new WebSocket(`${server.url}/${room}`)
  socket.problems = []
  socket.closes = []
  socket.on('message', (data, isBinary) => { if (!isBinary) socket.problems.push(JSON.parse(data.toString()).problem.code) })
  socket.on('close', code => socket.closes.push(code))
  socket.on('error', () => {})
  await new Promise((resolve, reject) => { socket.once('open', resolve); socket.once('error', reject) })
  return socket
}

function frame (kind, ...parts) {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, kind)
  for (const part of parts) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part)
    else encoding.writeVarUint8Array(encoder, part)
  }
  return encoding.toUint8Array(encoder)
}

function presence (clientId, clock, json) {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, 1)
  encoding.writeVarUint(encoder, clientId)
  encoding.writeVarUint(encoder, clock)
  encoding.writeVarString(encoder, json)
  return frame(1, encoding.toUint8Array(encoder))
}

/** Two clients still see each other's edits, within the limit. */
let round = 0
async function othersSynchronize (a, b, what) {
  const key = `after-${round++}`
  const started = Date.now()
  a.doc.getMap('map').set(key, what)
  await until(() => b.doc.getMap('map').get(key) === what, 10_000, `others to synchronize after ${what}`)
  assert(server.isAlive, `the server died of ${what}`)
  return Date.now() - started
}

async function refused (socket, code, what) {
  await until(() => socket.problems.includes(code), 10_000, `${code} after ${what}`)
  assert(socket.readyState === WebSocket.OPEN, `the socket was closed after ${what}`)
}

/** Updates whose first part is missing: each waits for it for ever. */
function pendingUpdates (amount) {
  const doc = new Y.Doc()
  const updates = []
  doc.on('update', update => updates.push(update))
  for (let index = 0; index <= amount; index++) doc.getArray('a').push([index])
  return updates.slice(1)
}

async function run () {
  await server.start()
  const a = client()
  const b = client()
  await until(() => a.provider.synced && b.provider.synced, 30_000, 'the clients to synchronize')

  const texts = await raw()
  texts.send('hello')
  texts.send(JSON.stringify({ type: 'sync' }))
  await refused(texts, 'frame-malformed', 'a text frame')
  await othersSynchronize(a, b, 'text frames')

  const whole = frame(0, 2, Y.encodeStateAsUpdate(a.doc))
  const cut = await raw()
  for (let length = 0; length < Math.min(whole.length, 40); length++) cut.send(whole.subarray(0, length))
  cut.send(Buffer.concat([whole, Buffer.from([0])]))
  await refused(cut, 'frame-malformed', 'cut frames')
  await othersSynchronize(a, b, 'cut frames')

  const inner = await raw()
  const update = Y.encodeStateAsUpdate(a.doc)
  for (let length = 1; length < Math.min(update.length, 40); length++) inner.send(frame(0, 2, update.subarray(0, length)))
  inner.send(frame(0, 2, new Uint8Array([255, 255, 255, 255, 15, 1, 1])))
  inner.send(frame(0, 0, new Uint8Array([255, 255, 255, 255, 15])))
  await refused(inner, 'update-rejected', 'cut updates')
  await othersSynchronize(a, b, 'cut updates')

  const loud = await raw()
  loud.send(presence(7, 1, JSON.stringify({ name: 'x'.repeat(1_000_000) })))
  loud.send(presence(7, 1, '{not json'))
  await refused(loud, 'awareness-invalid', 'a presence of 1 MB')
  assert(!b.provider.awareness.getStates().has(7), 'a presence of 1 MB was sent on')
  await othersSynchronize(a, b, 'a presence of 1 MB')

  a.provider.awareness.setLocalState({ user: { name: 'Ada' } })
  const isAda = () => b.provider.awareness.getStates().get(a.doc.clientID)?.user?.name === 'Ada'
  await until(isAda, 10_000, 'the presence of Ada')
  const spoof = await raw()
  spoof.send(presence(a.doc.clientID, 1_000, JSON.stringify({ user: { name: 'Mallory' } })))
  spoof.send(presence(a.doc.clientID, 1_000, 'null'))
  spoof.send(frame(3))
  await othersSynchronize(a, b, 'a spoofed client id')
  assert(isAda(), 'the presence of Ada was spoofed')
  spoof.close()

  for (let times = 0; times < 20; times++) {
    const noise = await raw()
    for (let index = 0; index < 50; index++) {
      noise.send(Uint8Array.from({ length: random(200) }, () => random(256)))
    }
    noise.close()
  }
  await othersSynchronize(a, b, 'random bytes')

  const flood = await raw()
  pendingUpdates(8_000).forEach(update => flood.send(frame(0, 2, update)))
  const other = client('another')
  const started = Date.now()
  await until(() => other.provider.synced, 10_000, 'another document during a flood of pending updates')
  const duringFlood = Date.now() - started
  await until(() => flood.closes.length > 0, 30_000, 'the flood to be stopped')
  assert(flood.problems.includes('too-many-pending'), `flood was stopped by ${flood.problems}`)
  await othersSynchronize(a, b, 'a flood of pending updates')

  const refusals = await Promise.all(['..', 'a%20b', 'x'.repeat(129)].map(room =>
    new Promise(resolve => {
      const socket = new WebSocket(`${server.url}/${room}`)
      socket.on('unexpected-response', (_, response) => { resolve(response.statusCode); socket.terminate() })
      socket.on('open', () => resolve(101))
      socket.on('error', () => {})
    })))
  assert(refusals.every(status => status >= 400 && status < 500), `bad names were answered ${refusals}`)

  const outdated = awarenessProtocol.outdatedTimeout
  console.log(JSON.stringify({ alive: true, rounds: round, during_flood_ms: duringFlood, presence_expiry_ms: outdated }))
  ;[a, b, other].forEach(({ provider }) => provider.destroy())
}

run().then(() => server.stop()).then(() => process.exit(0), async err => {
  console.error(err.message)
  await server.stop()
  process.exit(1)
})
