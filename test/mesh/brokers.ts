/** The two brokers that the mesh is tried on, each a process of its own. */
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
}

export type BrokerKind = 'embedded' | 'mosquitto'

const mosquitto = requires('mosquitto')
/** The brokers, and whether they are on this machine. */
export const BROKERS: readonly { readonly kind: BrokerKind; readonly available: boolean }[] = [
  { kind: 'embedded', available: true },
  { kind: 'mosquitto', available: mosquitto.available },
]

/** @param port of a broker that was there before; 0 picks a free one */
export function startBroker(stage: Stage, kind: BrokerKind, port = 0): Promise<TestBroker> {
  return kind === 'embedded' ? startEmbedded(stage, port) : startMosquitto(stage, port)
}

async function startEmbedded(stage: Stage, port: number): Promise<TestBroker> {
  const argv = ['broker', '--port', String(port), '--json', '--data', join(stage.folder, 'broker')]
  const program = stage.spawn('broker', process.execPath, [COVEY, ...argv])
  const ready = await program.ready()
  return { name: 'embedded', port: Number(ready['port']), url: String(ready['url']), program }
}

/** The configuration that docs/operations.md tells people to use. */
export function documentedConfiguration(): string {
  const block = /```mosquitto\n(.*?)```/s.exec(readFileSync(OPERATIONS, 'utf8'))?.[1]
  if (block === undefined) throw new Error('docs/operations.md has no block of ```mosquitto')
  return block
}

async function startMosquitto(stage: Stage, port: number): Promise<TestBroker> {
  const at = port === 0 ? await freePort() : port
  const file = join(stage.folder, 'mosquitto.conf')
  writeFileSync(file, configuration(stage.folder, at))
  const program = stage.spawn('mosquitto', mosquitto.path, ['-c', file])
  const isUp = () => program.stderr.some((line) => line.endsWith(' running'))
  await program.until(() => isUp() || program.end !== undefined, 'that it runs')
  if (program.end !== undefined) throw new Error(program.said())
  return { name: 'mosquitto', port: at, url: `mqtt://127.0.0.1:${at}`, program }
}

/** The documented configuration, at another address, in another folder, and open as only a test may be. */
function configuration(folder: string, port: number): string {
  const lines = documentedConfiguration()
    .split('\n')
    .map((line) => {
      if (line.startsWith('listener ')) return `listener ${port} 127.0.0.1`
      if (line.startsWith('persistence_location ')) return `persistence_location ${folder}/`
      return line
    })
  for (const wanted of [`listener ${port} 127.0.0.1`, `persistence_location ${folder}/`]) {
    if (!lines.includes(wanted)) throw new Error(`docs/operations.md has no line to replace by "${wanted}"`)
  }
  const closed = lines.filter((line) => !/^(?:allow_anonymous|password_file|acl_file)\b/.test(line))
  // Started by root, Mosquitto becomes a user who may not write into our folder.
  const user = process.getuid?.() === 0 ? ['user root'] : []
  return [...closed, 'allow_anonymous true', 'log_dest stderr', ...user, ''].join('\n')
}

/** A port that was free a moment ago; Mosquitto cannot be asked to choose one. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
