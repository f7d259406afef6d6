/** The demo's mesh: a broker and agents as processes of their own on free loopback ports, in a temporary folder. */
import { existsSync, mkdirSync, mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CoveyError } from '../../shared/errors/errors.ts'
import { Caretaker } from '../caretaker.ts'
import { abortable } from '../link.ts'
import { Service } from './service.ts'

export const MESH = 'demo'

/** All agents share this machine, so each measures its own load, where that can be told. */
export const MEASURES_OWN_LOAD = existsSync('/proc/self/stat')

export interface MeshOptions {
  readonly devices: readonly string[]
  /** What each device offers, as `--capacity` takes it. */
  readonly capacity: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

export class Mesh {
  /** The temporary folder of everything. */
  readonly root: string
  url = ''
  readonly #options: MeshOptions
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #caretaker: Caretaker
  readonly #services: Service[] = []
  readonly #agents = new Map<string, Service>()
  #broker: Service | undefined

  /** Nothing runs yet but the caretaker: `start` the mesh, and `end` it in any case. */
  constructor(options: MeshOptions) {
    this.#options = options
    this.root = realpathSync(mkdtempSync(join(tmpdir(), 'covey-demo-')))
    mkdirSync(join(this.root, 'agents'))
    this.#env = ownEnvironment(options.env, this.root)
    this.#caretaker = new Caretaker(this.root, this.#env)
  }

  /** Resolves when all are ready. @throws CoveyError E_START with the end of the log of what did not start */
  async start(): Promise<void> {
    await this.startBroker()
    await Promise.all(this.#options.devices.map((device) => this.startAgent(device)))
  }

  /** Starts the broker, or starts it again where it was and with what it kept. Resolves when it is ready. */
  async startBroker(): Promise<void> {
    const data = join(this.root, 'broker')
    const port = this.url === '' ? '0' : new URL(this.url).port
    this.#broker = this.#launch('broker', ['broker', '--port', port, '--data', data])
    const { url } = await abortable(this.#broker.ready, this.#options.signal)
    this.url = String(url)
  }

  /** SIGKILLs the broker. Returns when the signal is sent. */
  killBroker(): void {
    if (this.#broker === undefined) throw new RangeError('there is no broker')
    this.#broker.kill()
  }

  /** Starts the agent of a device, or starts it again. Resolves when it is connected. */
  async startAgent(device: string): Promise<void> {
    const { capacity, signal } = this.#options
    const data = join(this.root, 'agents', device)
    const agent = this.#launch(`agent ${device}`, [
      ...['agent', '--executors', 'exec', '--broker', this.url, '--mesh', MESH, '--id', device],
      ...[
        '--data',
        data,
        '--capacity',
        capacity,
        '--label',
        `room=${device}`,
        ...(MEASURES_OWN_LOAD ? ['--load', 'own'] : []),
      ],
    ])
    this.#agents.set(device, agent)
    await abortable(agent.ready, signal)
  }

  /** SIGKILLs the agent of a device; its tasks live on as orphans. Returns when the signal is sent. */
  killAgent(device: string): void {
    const agent = this.#agents.get(device)
    if (agent === undefined) throw new RangeError(`there is no agent ${device}`)
    agent.kill()
  }

  /** What has ended although nobody asked it to, with the end of its log. */
  failures(): string[] {
    return this.#services
      .filter(({ failed }) => failed)
      .map(({ name, log }) => `${name} ended by itself${log === '' ? '' : `; the end of its log: ${log}`}`)
  }

  /** Asks agents and then the broker to end. @returns what was not orderly about it */
  async stop(): Promise<string[]> {
    const agents = await Promise.all([...this.#agents.values()].map((agent) => agent.stop()))
    return [...agents, await this.#broker?.stop()].filter((trouble) => trouble !== undefined)
  }

  /** Ends what still runs and removes the folder. @throws CoveyError when that is not possible */
  end(): Promise<void> {
    for (const service of this.#services) service.kill()
    return this.#caretaker.cleanUp()
  }

  #launch(name: string, words: readonly string[]): Service {
    const service = new Service({
      name,
      words: [...words, '--json', '--log-level', 'warn'],
      cwd: this.root,
      env: this.#env,
    })
    this.#services.push(service)
    const { pid } = service
    if (pid === undefined) throw new CoveyError('E_START', `start ${name}: the system gave it no process`)
    this.#caretaker.watch(pid)
    void service.gone.then(() => this.#caretaker.forget(pid))
    return service
  }
}

/** Neither variables nor config files of the user reach the demo's processes. */
function ownEnvironment(env: MeshOptions['env'], root: string): Record<string, string | undefined> {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith('COVEY_'))
  return { ...Object.fromEntries(kept), XDG_CONFIG_HOME: root, XDG_DATA_HOME: root }
}
