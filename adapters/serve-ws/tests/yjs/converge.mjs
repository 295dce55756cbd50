// Unmodified y-websocket clients edit one document at random, the server is killed in the middle, and in the end
// everybody has the same document, with every edit that anybody else had seen.
//
//   node converge.mjs [--seed N] [--edits N] [--clients N] -- COMMAND {port} {folder}

import WebSocket from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'
import { Server, assert, commandLine, seeded, until } from './server.mjs'

const { command, option } = commandLine()
const seed = option('seed', 20261121)
const edits = option('edits', 1000)
const count = option('clients', 4)
const random = seeded(seed)
const server = new Server(command)

/** What a second client has seen is acknowledged: it must never be lost. */
const seen = new Set()

function connect (name) {
  const doc = new Y.Doc()
  const provider = new WebsocketProvider(server.url, 'converge', doc, {
    WebSocketPolyfill: WebSocket, disableBc: true, maxBackoffTime: 100
  })
  doc.getMap('edits').observe((event, transaction) => {
    if (transaction.local) return
    for (const key of event.keysChanged) seen.add(key)
  })
  return { name, doc, provider }
}

const WORDS = ['a', 'campaign ', 'Grüße ', '春', '👩‍👩‍👧‍👦', '🎈', '\u0301', 'x'.repeat(40)]
const VALUES = [0, -1, 1.5, 2 ** 40, true, null, 'text', [1, [2, '3']], { deep: { er: ['👋'] } }]

function edit ({ doc }, number) {
  doc.transact(() => {
    const text = doc.getText('text')
    const map = doc.getMap('map')
    const array = doc.getArray('array')
    switch (random(8)) {
      case 0: case 1: case 2:
        text.insert(random(text.length + 1), WORDS[random(WORDS.length)])
        break
      case 3:
        if (text.length > 0) { const at = random(text.length); text.delete(at, Math.min(1 + random(5), text.length - at)) }
        break
      case 4:
        map.set(`key-${random(20)}`, VALUES[random(VALUES.length)])
        break
      case 5:
        map.delete(`key-${random(20)}`)
        break
      case 6:
        array.insert(random(array.length + 1), [VALUES[random(VALUES.length)], number])
        break
      case 7:
        if (array.length > 0) array.delete(random(array.length), 1)
        break
    }
    // The same transaction, so it is there exactly when the edit is.
    doc.getMap('edits').set(`edit-${number}`, true)
  })
}

const content = doc => JSON.stringify([
  doc.getText('text').toString(), sorted(doc.getMap('map').toJSON()), doc.getArray('array').toJSON(),
  Object.keys(doc.getMap('edits').toJSON()).sort()
])
const sorted = object => Object.fromEntries(Object.entries(object).sort(([a], [b]) => a < b ? -1 : 1))
const equal = docs => docs.every(doc => content(doc) === content(docs[0]))

async function probe () {
  const client = connect('probe')
  await until(() => client.provider.synced, 30_000, 'a fresh client to synchronize')
  return client
}

const close = ({ provider, doc }) => { provider.destroy(); doc.destroy() }

async function run () {
  await server.start()
  const clients = Array.from({ length: count }, (_, index) => connect(`client ${index}`))
  await until(() => clients.every(client => client.provider.synced), 30_000, 'the clients to synchronize')

  let number = 0
  const burst = async (until) => {
    while (number < until) {
      edit(clients[random(count)], number++)
      // Sometimes several before the network has its turn: then they are truly concurrent.
      if (random(3) === 0) await new Promise(resolve => setImmediate(resolve))
    }
  }

  await burst(Math.floor(edits / 2))
  await until(() => seen.size > edits / 10, 30_000, 'some edits to be seen')
  await server.kill()
  const acknowledged = [...seen]
  clients.forEach(({ provider }) => provider.disconnect())

  // Offline: these reach nobody before the clients are back.
  await burst(Math.floor(edits * 0.6))

  const started = Date.now()
  await server.start()
  // Only the store knows the document now: no client is there that could fill in what was lost.
  const first = await probe()
  const restarted = Date.now() - started
  const kept = first.doc.getMap('edits')
  const lost = acknowledged.filter(key => !kept.has(key))
  assert(lost.length === 0, `${lost.length} of ${acknowledged.length} acknowledged edits lost: ${lost.slice(0, 5)}`)
  close(first)

  clients.forEach(({ provider }) => provider.connect())
  await burst(edits)
  const all = clients.map(client => client.doc)
  const complete = doc => doc.getMap('edits').size === edits
  await until(() => all.every(complete) && equal(all), 60_000, 'the clients to converge')

  clients.forEach(close)
  await server.kill()
  await server.start()
  const last = await probe()
  assert(complete(last.doc), `the store has ${last.doc.getMap('edits').size} of ${edits} edits`)
  assert(equal([last.doc, all[0]]), 'the store has another document than the clients')
  close(last)
  console.log(JSON.stringify({
    converged: true, clients: count, edits, seed, acknowledged_before_kill: acknowledged.length, lost: 0,
    restart_to_synced_ms: restarted, text_units: all[0].getText('text').length
  }))
}

run().then(() => server.stop()).then(() => process.exit(0), async err => {
  console.error(`seed ${seed}: ${err.message}`)
  await server.stop()
  process.exit(1)
})
