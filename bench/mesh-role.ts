/**
 * One process of the mesh benchmark: `node dist/bench/mesh-role.js <role> <JSON>`, started with an IPC channel. It
 * says `ready`, answers `cpu` with the CPU it has used, and a submitter answers `run` when all its tasks have ended.
 */
import { connectAsync, type MqttClient } from 'mqtt'
import { startBroker } from '../broker/broker.ts'
import type { Candidacy } from '../shared/protocol/schemas/index.ts'
import { Topics } from '../shared/protocol/topics.ts'
import { startBenchAgent } from './agent.ts'

export interface RoleOptions {
  readonly url: string
  readonly workers: number
}

/** From the parent. */
export type Ask =
  | { readonly ask: 'cpu' }
  | { readonly ask: 'run'; readonly prefix: string; readonly tasks: number; readonly outstanding: number }

/** To the parent. */
export type Answer =
  | { readonly answer: 'ready'; readonly url?: string }
  | { readonly answer: 'cpu'; readonly cpuMs: number }
  | { readonly answer: 'done'; readonly wallMs: number; readonly latenciesMs: readonly number[] }

const MESH = 'bench'
const topics = new Topics(MESH)
const INPUT = 'x'.repeat(120)
const SPEC = JSON.stringify({
  run: { exec: ['true', INPUT] },
  resources: { cpu: '10m', memory: '1Mi' },
  timeout: '30s',
})
const FLOOR_RESULT = JSON.stringify({ outcome: 'succeeded', result: { exitCode: 0, stdout: 'o'.repeat(40) } })

const answer = (message: Answer): void => {
  process.send?.(message)
}

const agent = (url: string, device: string, candidate: Candidacy, executors: string[]): Promise<void> =>
  startBenchAgent({
    url,
    mesh: MESH,
    device,
    candidate,
    executors,
    capacity: { cpu: 64, memory: '64Gi' },
    output: () => 'o'.repeat(40),
  })

const client = (url: string): Promise<MqttClient> => {
  return connectAsync(url, { clean: true, protocolVersion: 4, reconnectPeriod: 0 })
}

/** The same hops as a coordinator's, and nothing else: task in, order out, result in, status out. */
async function middleman({ url, workers }: RoleOptions): Promise<void> {
  const mqtt = await client(url)
  let next = 0
  mqtt.on('message', (topic, payload) => {
    const [, kind, id] = topic.split('/')
    if (kind === 'spec') {
      const text = JSON.stringify({ task: id, spec: JSON.parse(payload.toString()) })
      mqtt.publish(`floor/inbox/${next++ % workers}`, text, { qos: 1 })
    } else {
      const { task, ...rest } = JSON.parse(payload.toString()) as { task: string }
      mqtt.publish(`floor/status/${task}`, JSON.stringify({ task, state: 'succeeded', ...rest }), { qos: 1 })
    }
  })
  await mqtt.subscribeAsync(['floor/spec/+', 'floor/report/+'], { qos: 1 })
}

async function floorWorkers({ url, workers }: RoleOptions): Promise<void> {
  for (let n = 0; n < workers; n++) {
    const mqtt = await client(url)
    mqtt.on('message', (_topic, payload) => {
      const { task } = JSON.parse(payload.toString()) as { task: string }
      const text = `{"task":${JSON.stringify(task)},${FLOOR_RESULT.slice(1)}`
      mqtt.publish(`floor/report/${n}`, text, { qos: 1 })
    })
    await mqtt.subscribeAsync(`floor/inbox/${n}`, { qos: 1 })
  }
}

/** Keeps so many tasks under way until all have ended; takes the time of each. */
async function submitter(
  { url }: RoleOptions,
  topicOf: (id: string) => string,
  statuses: string,
  retain: boolean,
) {
  const mqtt = await client(url)
  const since = new Map<string, number>()
  let ended = (_task: string): void => undefined
  mqtt.on('message', (_topic, payload) => {
    if (payload.length === 0) return
    const { task, state } = JSON.parse(payload.toString()) as { task: string; state: string }
    if (state === 'succeeded') ended(task)
    else if (state === 'failed' || state === 'rejected') throw new Error(`task ${task} ended ${state}`)
  })
  await mqtt.subscribeAsync(statuses, { qos: 1 })
  process.on('message', (ask: Ask) => {
    if (ask.ask !== 'run') return
    const startMs = performance.now()
    const latenciesMs: number[] = []
    let submitted = 0
    const submit = (): void => {
      if (submitted >= ask.tasks) return
      const id = `${ask.prefix}-${submitted++}`
      since.set(id, performance.now())
      mqtt.publish(topicOf(id), SPEC, { qos: 1, retain })
    }
    ended = (task) => {
      const atMs = since.get(task)
      if (atMs === undefined) return
      since.delete(task)
      latenciesMs.push(performance.now() - atMs)
      submit()
      if (latenciesMs.length < ask.tasks) return
      answer({ answer: 'done', wallMs: performance.now() - startMs, latenciesMs })
    }
    for (let n = 0; n < ask.outstanding; n++) submit()
  })
}

async function start(role: string, options: RoleOptions): Promise<void> {
  const { url, workers } = options
  if (role === 'broker') {
    const broker = await startBroker({ port: 0 })
    return answer({ answer: 'ready', url: broker.urls[0] as string })
  }
  if (role === 'coordinator') await agent(url, 'coordinator', 'prefer', [])
  else if (role === 'workers') {
    for (let n = 0; n < workers; n++) await agent(url, `w${n}`, 'never', ['exec'])
  } else if (role === 'submitter') {
    await submitter(options, (id) => topics.of('spec', id), topics.all('status'), true)
  } else if (role === 'floor-middleman') await middleman(options)
  else if (role === 'floor-workers') await floorWorkers(options)
  else if (role === 'floor-submitter') {
    await submitter(options, (id) => `floor/spec/${id}`, 'floor/status/+', false)
  } else throw new RangeError(`there is no role ${JSON.stringify(role)}`)
  answer({ answer: 'ready' })
}

process.on('message', (ask: Ask) => {
  if (ask.ask !== 'cpu') return
  const { user, system } = process.cpuUsage()
  answer({ answer: 'cpu', cpuMs: (user + system) / 1000 })
})
process.once('disconnect', () => process.exit(0))
await start(process.argv[2] ?? '', JSON.parse(process.argv[3] ?? '{}') as RoleOptions)
