// Starts, kills and finds the server that the tests run against.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Splits `[options] -- command {port} {folder}`. */
export function commandLine () {
  const split = process.argv.indexOf('--')
  const command = split < 0 ? [] : process.argv.slice(split + 1)
  if (command.length === 0) {
    console.error('usage: node TEST.mjs [--seed N] [--edits N] [--clients N] -- COMMAND {port} {folder}')
    process.exit(2)
  }
  const options = process.argv.slice(2, split)
  const option = (name, value) => {
    const at = options.indexOf(`--${name}`)
    return at < 0 ? value : Number(options[at + 1])
  }
  return { command, option }
}

export class Server {
  constructor (command) {
    this.command = command
    this.folder = mkdtempSync(join(tmpdir(), 'maily-canvas-'))
  }

  async start () {
    this.port ??= await freePort()
    const [program, ...rest] = this.command.map(part =>
      part.replaceAll('{port}', String(this.port)).replaceAll('{folder}', this.folder))
    this.child = spawn(program, rest, { stdio: ['ignore', 'inherit', 'inherit'] })
    this.exited = new Promise(resolve => this.child.once('exit', resolve))
    await until(() => canConnect(this.port), 60_000, 'the server to listen')
  }

  get url () { return `ws://127.0.0.1:${this.port}/v1/canvas/sync` }

  /** SIGKILL: nothing is flushed, no destructor runs. */
  async kill () {
    this.child.kill('SIGKILL')
    await this.exited
  }

  get isAlive () { return this.child.exitCode === null && this.child.signalCode === null }

  async stop () {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Waits until a condition holds; looks every few milliseconds, and gives up after the limit. */
export async function until (condition, limit, what) {
  const end = Date.now() + limit
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${limit} ms in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** A seeded generator (mulberry32): `random(n)` is a whole number from 0 to n - 1. */
export function seeded (seed) {
  let state = seed >>> 0
  return limit => {
    state = (state + 0x6D2B79F5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit
  }
}

export function assert (holds, message) {
  if (!holds) throw new Error(message)
}

function freePort () {
  return new Promise((resolve, reject) => {
    const probe = net.createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

function canConnect (port) {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => { socket.destroy(); resolve(true) })
    socket.once('error', () => resolve(false))
  })
}
