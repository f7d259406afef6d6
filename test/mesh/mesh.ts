/** A mesh of real processes on a broker: agents as the program `covey agent` starts them, and an onlooker. */
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Beacon, TaskSpec, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { COVEY, type TestBroker } from './brokers.ts'
import { Observer } from './observer.ts'
import type { Program, Stage } from './stage.ts'

/** The user that the onlooker is, where the broker asks for one. An agent's user has the name of its device. */
const OPERATOR = 'ann'

export interface AgentOptions {
  readonly labels?: Readonly<Record<string, string>>
  readonly capacity?: Readonly<Record<string, string>>
  readonly coordinator?: 'auto' | 'prefer' | 'never'
  /** Kinds of work. Default: commands alone, whatever this machine has. */
  readonly executors?: readonly string[]
  /** More words for the command line. */
  readonly argv?: readonly string[]
}

export class Mesh {
  readonly name: string
  readonly observer: Observer
  readonly agents = new Map<string, Program>()
  readonly #stage: Stage
  readonly #broker: TestBroker

  private constructor(stage: Stage, broker: TestBroker, name: string, observer: Observer) {
    this.#stage = stage
    this.#broker = broker
    this.name = name
    this.observer = observer
  }

  /** Meshes of different names share a broker without knowing of each other. */
  static async open(stage: Stage, broker: TestBroker, name: string): Promise<Mesh> {
    const observer = await Observer.open(broker.url, name, {
      alsoSeen: () => mesh.said(),
      ...(broker.password === undefined ? {} : { username: OPERATOR, password: broker.password }),
    })
    const mesh: Mesh = new Mesh(stage, broker, name, observer)
    stage.later(() => mesh.observer.close())
    return mesh
  }

  get url(): string {
    return this.#broker.url
  }

  /** Starts an agent, or starts it again on the folder it had; resolves when it is connected. */
  async agent(id: string, options: AgentOptions = {}): Promise<Program> {
    const { labels = {}, capacity = { cpu: '4', memory: '1Gi' }, coordinator = 'auto' } = options
    const { executors = ['exec'] } = options
    const argv = [
      ...['agent', '--json', '--broker', this.#broker.url, '--mesh', this.name, '--id', id],
      ...['--data', this.data(id), '--coordinator', coordinator],
      ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ...Object.entries(capacity).flatMap(([name, amount]) => ['--capacity', `${name}=${amount}`]),
      // The agents share this machine, which others keep busy: each measures its own work.
      ...['--executors', executors.join(','), '--load', 'own'],
      ...(options.argv ?? []),
    ]
    const { password } = this.#broker
    const env = password === undefined ? {} : { COVEY_USERNAME: id, COVEY_PASSWORD: password }
    const program = this.#stage.spawn(`agent ${id}`, process.execPath, [COVEY, ...argv], { env })
    this.agents.set(id, program)
    await program.ready()
    return program
  }

  /** Starts several; the first is preferred as coordinator, so that a test knows who it is. */
  async start(ids: readonly string[], options: AgentOptions = {}): Promise<void> {
    await Promise.all(
      ids.map((id, i) => this.agent(id, { coordinator: i === 0 ? 'prefer' : 'auto', ...options })),
    )
    await this.serving(ids.length)
  }

  /** Waits until a coordinator places tasks, and knows that many devices to be online. */
  async serving(devices: number): Promise<Beacon> {
    const { observer } = this
    await observer.until(() => observer.events('serving').length > 0, 'a coordinator that serves')
    const online = () => [...this.agents.keys()].filter((id) => observer.state(id)?.online === true)
    await observer.until(() => online().length >= devices, `${devices} devices online`)
    return this.beacon()
  }

  /** The last beacon. */
  beacon(): Beacon {
    const beacon = this.observer.beacons().at(-1)
    if (beacon === undefined) throw new Error('there was no beacon yet')
    return beacon
  }

  program(id: string): Program {
    const program = this.agents.get(id)
    if (program === undefined) throw new Error(`no agent ${id} was started`)
    return program
  }

  data(id: string): string {
    return join(this.#stage.folder, this.name, id)
  }

  /** A file in the stage's folder, for commands to leave traces in. */
  file(name: string): string {
    return join(this.#stage.folder, `${this.name}-${name}`)
  }

  /** Submits a task; from here on the broker has acknowledged it. */
  submit(id: string, spec: TaskSpec): Promise<void> {
    return this.observer.publish(`tasks/${id}/spec`, spec)
  }

  /** Submits a shell script as a task and waits for its end. */
  async run(id: string, script: string, spec: Partial<TaskSpec> = {}): Promise<TaskStatus> {
    await this.submit(id, shell(script, spec))
    return this.observer.ended(id)
  }

  withdraw(id: string): Promise<void> {
    return this.observer.publish(`tasks/${id}/spec`, { withdraw: true })
  }

  /** Where the tasks run, once all of them do. */
  async running(tasks: readonly string[], limitMs?: number): Promise<ReadonlyMap<string, string>> {
    const { observer } = this
    const found = new Map<string, string>()
    await observer.until(
      () => {
        for (const task of tasks) {
          const status = observer.statuses(task).at(-1)
          if (status?.state === 'running' && status.device !== undefined) found.set(task, status.device)
        }
        return found.size === tasks.length
      },
      `${tasks.length} tasks to run`,
      limitMs,
    )
    return found
  }

  /** Every one of the tasks ends, and ends once: also after the rest of the mesh had time to say otherwise. */
  async expectEndedOnce(
    tasks: readonly string[],
    state: TaskStatus['state'],
    limitMs?: number,
  ): Promise<TaskStatus[]> {
    const { observer } = this
    for (const task of tasks) await observer.ended(task, limitMs)
    await this.quiet()
    const ends = tasks.map((task) => observer.ends(task))
    const wrong = ends.filter((found) => found.length !== 1 || found[0]?.state !== state)
    expect(wrong, `${observer.story()}\n${this.said()}`).toEqual([])
    return ends.flat()
  }

  /** Two more beacons of one coordinator: whatever was on its way when the last task ended has arrived. */
  async quiet(): Promise<void> {
    const { observer } = this
    const before = observer.beacons().length
    await observer.until(() => observer.beacons().length >= before + 2, 'two more beacons')
  }

  said(): string {
    return [...this.agents.values()].map((program) => program.said()).join('\n')
  }
}

/** A task that needs little, runs a shell script, and has no other needs than `spec` says. */
export function shell(script: string, spec: Partial<TaskSpec> = {}): TaskSpec {
  return { run: { exec: ['sh', '-c', script] }, resources: { cpu: '100m', memory: '16Mi' }, ...spec }
}
