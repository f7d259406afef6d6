/** The two brokers that the mesh is tried on, each a process of its own. */
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Limits } from '../../broker/limits.ts'
import { type Role, setPassword } from '../../broker/passwords.ts'
import { requires } from '../requires.ts'
import type { Program, Stage } from './stage.ts'

/** Where the compiled program is: the project's own build, unless a developer names another. */
export const DIST = process.env['COVEY_TEST_DIST'] ?? fileURLToPath(new URL('../../dist', import.meta.url))
export const COVEY = join(DIST, 'client/cli/main.js')

const OPERATIONS = fileURLToPath(new URL('../../docs/operations.md', import.meta.url))

export interface TestBroker {
  readonly name: string
  readonly port: number
  readonly url: string
  readonly program: Program
  /** The password of every user, where the broker asks for one. */
  readonly password?: string
}

export interface BrokerOptions {
  /** Of a broker that was there before; 0 picks a free one. */
  readonly port?: number
  /** Turns passwords and access rules on; Mosquitto's rules are those of docs/operations.md, whatever the roles. */
  readonly users?: Readonly<Record<string, Role>>
}

/** The embedded broker, as the program of its own that takes limits. */
export async function startLimitedBroker(stage: Stage, limits: Partial<Limits>): Promise<TestBroker> {
  const options = JSON.stringify({ port: 0, data: join(stage.folder, 'broker'), limits })
  const program = stage.spawn('broker', process.execPath, [join(DIST, 'broker/main.js'), options])
  const port = Number((await program.ready())['port'])
  return { name: 'embedded', port, url: `mqtt://127.0.0.1:${port}`, program }
}

export type BrokerKind = 'embedded' | 'mosquitto'

/** Ports that others may have taken between the moment in which they were free and Mosquitto's start. */
const PORT_TRIES_MAX = 5

const mosquitto = requires('mosquitto')
/** The brokers, and whether they are on this machine. */
export const BROKERS: readonly { readonly kind: BrokerKind; readonly available: boolean }[] = [
  { kind: 'embedded', available: true },
  { kind: 'mosquitto', available: mosquitto.available },
]

export function startBroker(
  stage: Stage,
  kind: BrokerKind,
  options: BrokerOptions = {},
): Promise<TestBroker> {
  return kind === 'embedded' ? startEmbedded(stage, options) : startMosquitto(stage, options)
}

async function startEmbedded(stage: Stage, { port = 0, users }: BrokerOptions): Promise<TestBroker> {
  const argv = ['broker', '--port', String(port), '--json', '--data', join(stage.folder, 'broker')]
  const password = users === undefined ? undefined : randomBytes(9).toString('base64url')
  if (users !== undefined && password !== undefined) {
    const file = join(stage.folder, 'users')
    for (const [user, role] of Object.entries(users)) {
      const isDevice = role === 'device' || role === 'coordinator'
      await setPassword(file, { user, role, ...(isDevice ? { device: user } : {}) }, password)
    }
    argv.push('--passwords', file)
  }
  const program = stage.spawn('broker', process.execPath, [COVEY, ...argv])
  const ready = await program.ready()
  const started = { name: 'embedded', port: Number(ready['port']), url: String(ready['url']), program }
  return password === undefined ? started : { ...started, password }
}

/** The block of docs/operations.md in that language: what people are told to use. */
function documented(language: string): string {
  const block = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(readFileSync(OPERATIONS, 'utf8'))?.[1]
  if (block === undefined) throw new Error(`docs/operations.md has no block of ${language}`)
  return block
}

async function startMosquitto(stage: Stage, options: BrokerOptions): Promise<TestBroker> {
  for (let tries = 1; ; tries++) {
    const { port = 0 } = options
    const at = port === 0 ? await freePort() : port
    try {
      return await startMosquittoAt(stage, at, options)
    } catch (error) {
      const isTaken = String(error).includes('Address already in use')
      if (port !== 0 || !isTaken || tries === PORT_TRIES_MAX) throw error
    }
  }
}

async function startMosquittoAt(stage: Stage, at: number, { users }: BrokerOptions): Promise<TestBroker> {
  const file = join(stage.folder, 'mosquitto.conf')
  writeFileSync(file, configuration(stage.folder, at, users !== undefined))
  const password = users === undefined ? undefined : randomBytes(9).toString('base64url')
  if (users !== undefined && password !== undefined) {
    const lines = Object.keys(users).map((user) => `${user}:${mosquittoHash(password)}\n`)
    writeFileSync(join(stage.folder, 'covey.passwd'), lines.join(''))
    writeFileSync(join(stage.folder, 'covey.acl'), documented('mosquitto-acl'))
  }
  const program = stage.spawn('mosquitto', mosquitto.path, ['-c', file])
  const isUp = () => program.stderr.some((line) => line.endsWith(' running'))
  await program.until(() => isUp() || program.end !== undefined, 'that it runs')
  if (program.end !== undefined) throw new Error(program.said())
  const started = { name: 'mosquitto', port: at, url: `mqtt://127.0.0.1:${at}`, program }
  return password === undefined ? started : { ...started, password }
}

/** A line of a password file as `mosquitto_passwd` writes it. */
function mosquittoHash(password: string): string {
  const salt = randomBytes(12)
  const rounds = 101
  const hash = pbkdf2Sync(password, salt, rounds, 64, 'sha512')
  return `$7$${rounds}$${salt.toString('base64')}$${hash.toString('base64')}`
}

/** The documented configuration at another address and in another folder; without users, open as only a test may be. */
function configuration(folder: string, port: number, users: boolean): string {
  const ours = new Map([
    ['listener', `${port} 127.0.0.1`],
    ['persistence_location', `${folder}/`],
    ['allow_anonymous', String(!users)],
    ['password_file', users ? join(folder, 'covey.passwd') : ''],
    ['acl_file', users ? join(folder, 'covey.acl') : ''],
  ])
  const lines = documented('mosquitto').split('\n')
  for (const name of ours.keys()) {
    const found = lines.filter((line) => line.startsWith(`${name} `)).length
    if (found !== 1) throw new Error(`docs/operations.md has ${found} lines of ${name} where 1 is replaced`)
  }
  const replaced = lines.flatMap((line) => {
    const name = line.split(' ')[0] ?? ''
    const value = ours.get(name)
    if (value === undefined) return [line]
    return value === '' ? [] : [`${name} ${value}`]
  })
  // Started by root, Mosquitto becomes a user who may not write into our folder.
  const user = process.getuid?.() === 0 ? ['user root'] : []
  return [...replaced, 'log_dest stderr', ...user, ''].join('\n')
}

/** A port that was free a moment ago; Mosquitto cannot be asked to choose one. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
