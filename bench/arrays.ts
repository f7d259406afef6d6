/**
 * Arrays at full size over real processes, of which some are killed: a device at a seventh of the way, the coordinator
 * at a third and again at two thirds. An onlooker of its own reads the pages from the broker and counts.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connectAsync } from 'mqtt'
import { connect } from '../client/connect.ts'
import type { Client } from '../client/index.ts'
import { isTerminal, type ResultPage, type TaskStatus } from '../shared/protocol/schemas/index.ts'
import { Topics } from '../shared/protocol/topics.ts'
import type { Ready } from './arrays-role.ts'

export interface ArraysOptions {
  readonly specs: number
  /** Of each spec. */
  readonly elements: number
  readonly agents: number
}

export interface ArraysResult {
  readonly options: ArraysOptions
  readonly elements: number
  readonly pages: number
  readonly pageBytes: number
  /** Elements with no end in any page, with ends in two, and with another output than their input. */
  readonly lost: number
  readonly twice: number
  readonly wrong: number
  readonly attempts: number
  /** Results that came of other than the current attempt: elements that ran twice. */
  readonly duplicates: number
  readonly kills: readonly string[]
  readonly seconds: number
  /** Largest peak of resident memory of an agent that was alive at the end, in MiB. */
  readonly peakMib: number
  readonly ok: boolean
}

const MESH = 'arrays'
const topics = new Topics(MESH)
const READY_MS_MAX = 120_000
const TRIAL_MS_MAX = 3_600_000
const POLL_MS = 100
/** A killed agent is started again so much later. */
const AWAY_MS = 3_000
/** The share of all elements that have ended when somebody is killed. */
const KILLS = [
  { share: 1 / 7, who: 'a device' },
  { share: 1 / 3, who: 'the coordinator' },
  { share: 2 / 3, who: 'the coordinator' },
] as const

/** Runs the trial; `tell` hears of what happens on the way. */
export async function runArrays(options: ArraysOptions, tell: (text: string) => void): Promise<ArraysResult> {
  const children = new Map<string, ChildProcess>()
  const start = (name: string, role: string, more: object) => {
    const program = new URL('arrays-role.js', import.meta.url)
    const child = fork(program, [role, JSON.stringify(more)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    children.set(name, child)
    return ready(name, child)
  }
  let client: Client | undefined
  try {
    const { url = '' } = await start('broker', 'broker', {})
    const agent = (device: string) => start(device, 'agent', { url, mesh: MESH, device })
    await Promise.all(Array.from({ length: options.agents }, (_, n) => agent(`a${n}`)))
    tell(`${options.agents} agents are connected`)
    client = await connect({ url, mesh: MESH })
    return await trial(client, url, options, {
      tell,
      children,
      kill: (device) => {
        children.get(device)?.kill('SIGKILL')
        setTimeout(() => agent(device).catch(() => {}), AWAY_MS)
      },
    })
  } finally {
    await client?.close()
    for (const child of children.values()) child.kill('SIGKILL')
  }
}

interface Stage {
  readonly tell: (text: string) => void
  readonly children: ReadonlyMap<string, ChildProcess>
  readonly kill: (device: string) => void
}

async function trial(
  client: Client,
  url: string,
  options: ArraysOptions,
  stage: Stage,
): Promise<ArraysResult> {
  const ids = Array.from({ length: options.specs }, (_, n) => `array-${n}`)
  const all = options.specs * options.elements
  const statuses = new Map<string, TaskStatus>()
  const watching = follow(client, statuses)
  const beginMs = performance.now()
  for (const id of ids) {
    const array = Array.from({ length: options.elements }, (_, n) => ({ id, n }))
    await client.submit({ run: { exec: ['echo'] }, resources: { cpu: '1', memory: '1Mi' }, array }, { id })
  }
  const kills: string[] = []
  const over = () => ids.every((id) => isTerminal(statuses.get(id)?.state ?? 'pending'))
  for (let told = 0; !over(); ) {
    if (performance.now() - beginMs > TRIAL_MS_MAX) throw new Error(`not over within ${TRIAL_MS_MAX} ms`)
    const ended = ids.reduce((sum, id) => sum + endedOf(statuses.get(id)), 0)
    const next = KILLS[kills.length]
    if (next !== undefined && ended >= next.share * all) {
      const coordinator = (await client.coordinator())?.beacon.agent ?? ''
      const device = next.who === 'the coordinator' ? coordinator : coordinator === 'a0' ? 'a1' : 'a0'
      stage.kill(device)
      kills.push(`${next.who} (${device}) at ${ended}`)
      stage.tell(`killed ${kills.at(-1)} of ${all}`)
    }
    if (ended - told >= all / 20) {
      told = ended
      stage.tell(`${ended} of ${all} have ended`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  const seconds = (performance.now() - beginMs) / 1000
  watching.end()
  const peakMib = peakOf(stage.children)
  const reported = ids.reduce((sum, id) => sum + (statuses.get(id)?.array?.reported ?? 0), 0)
  const found = await count(url, reported)
  const sum = (of: (status: TaskStatus) => number | undefined) =>
    [...statuses.values()].reduce((total, status) => total + (of(status) ?? 0), 0)
  const lost = all - found.distinct
  const succeeded = [...statuses.values()].every(({ state }) => state === 'succeeded')
  return {
    options,
    elements: all,
    pages: found.pages,
    pageBytes: found.bytes,
    lost,
    twice: found.twice,
    wrong: found.wrong,
    attempts: sum(({ attempts }) => attempts),
    duplicates: sum(({ duplicates }) => duplicates),
    kills,
    seconds,
    peakMib,
    ok: succeeded && lost === 0 && found.twice === 0 && found.wrong === 0,
  }
}

function ready(name: string, child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${name} is not ready`)), READY_MS_MAX)
    child.once('message', (message: Ready) => {
      clearTimeout(late)
      resolve(message)
    })
    child.once('exit', (code) => {
      clearTimeout(late)
      reject(new Error(`${name} ended with ${code}`))
    })
  })
}

function follow(client: Client, statuses: Map<string, TaskStatus>): { end(): void } {
  const queue = client.watch.tasks()
  const reading = async () => {
    for await (const { id, status } of queue) if (status !== undefined) statuses.set(id, status)
  }
  reading().catch(() => {})
  return queue
}

function endedOf(status: TaskStatus | undefined): number {
  let ended = 0
  for (const [state, count] of Object.entries(status?.array?.states ?? {})) {
    if (isTerminal(state as TaskStatus['state'])) ended += count
  }
  return ended
}

/** Reads every page from the broker, as any MQTT client can. */
async function count(url: string, reported: number) {
  const found = { pages: 0, bytes: 0, distinct: 0, twice: 0, wrong: 0 }
  const seen = new Set<string>()
  const onlooker = await connectAsync(url, { protocolVersion: 4, reconnectPeriod: 0 })
  let lastMs = performance.now()
  onlooker.on('message', (_topic, payload) => {
    lastMs = performance.now()
    const page = JSON.parse(payload.toString()) as ResultPage
    found.pages++
    found.bytes += payload.length
    for (const { element, result } of page.results) {
      const key = `${page.task}[${element}]`
      if (seen.has(key)) found.twice++
      seen.add(key)
      if (result?.stdout !== JSON.stringify({ id: page.task, n: element })) found.wrong++
    }
  })
  await onlooker.subscribeAsync(topics.ofPage('+', '+'), { qos: 1 })
  // A little longer once all have come: one that came twice would come then.
  const quietMs = () => performance.now() - lastMs
  while (quietMs() < (seen.size < reported ? 10_000 : 1_000))
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  await onlooker.endAsync(true)
  found.distinct = seen.size
  return found
}

/** The largest peak of resident memory of the agents, in MiB; 0 where the system does not tell. */
function peakOf(children: ReadonlyMap<string, ChildProcess>): number {
  let peak = 0
  for (const [name, { pid }] of children) {
    if (name === 'broker') continue
    try {
      const [, kib] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
      peak = Math.max(peak, Number(kib ?? 0) / 1024)
    } catch {
      // Gone meanwhile, or a system without /proc.
    }
  }
  return Math.round(peak)
}
