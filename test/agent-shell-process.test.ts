import { spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type AgentProcess, type AgentProcessOptions, runAgent } from '../agent/shell/agent-process.ts'
import { readProcess } from '../agent/shell/process-table.ts'
import type { JournalEntry } from '../shared/ports.ts'
import type {
  DeviceReport,
  DeviceState,
  TaskLog,
  TaskSpec,
  TaskStatus,
} from '../shared/protocol/schemas/index.ts'
import { Topics } from '../shared/protocol/topics.ts'
import {
  type BareBroker,
  recordLog,
  startBareBroker,
  startSilentServer,
  until,
} from './agent-shell-support.ts'

const topics = new Topics('home')
const TIMING = {
  intervalMs: 100,
  heartbeatMs: 100,
  stepMs: 20,
  jitterMs: 10,
  settleMs: 30,
  reconnectCapMs: 100,
}

let root: string
let data: string
const agents: AgentProcess[] = []
const brokers: BareBroker[] = []
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'covey-agent-')))
  data = join(root, 'data')
})
afterEach(async () => {
  await Promise.all(agents.splice(0).map((agent) => agent.stop()))
  await Promise.all(brokers.splice(0).map((broker) => broker.close()))
  rmSync(root, { recursive: true, force: true })
})

async function broker(port = 0): Promise<BareBroker> {
  const started = await startBareBroker({ port })
  brokers.push(started)
  return started
}

async function agent(port: number, options: Partial<AgentProcessOptions> = {}) {
  const log = recordLog()
  const brokerUrl = `mqtt://127.0.0.1:${port}`
  const started = await runAgent({
    brokerUrl,
    id: 'pi-1',
    executors: ['exec'],
    data,
    log,
    timing: TIMING,
    // Other tests keep the machine busy.
    load: 'own',
    durability: 'process',
    ...options,
  })
  agents.push(started)
  return { agent: started, log }
}

/** The last message and all messages on the topics that match. */
function follow<T>(on: BareBroker, filter: string): T[] {
  const seen: T[] = []
  on.aedes.subscribe(
    filter,
    (packet, done) => {
      if (packet.payload.length > 0) seen.push(JSON.parse(packet.payload.toString()) as T)
      done()
    },
    () => undefined,
  )
  return seen
}

function submit(on: BareBroker, id: string, spec: TaskSpec): void {
  const payload = Buffer.from(JSON.stringify(spec))
  const packet = {
    cmd: 'publish',
    topic: topics.of('spec', id),
    payload,
    qos: 1,
    retain: true,
    dup: false,
  } as const
  on.aedes.publish(packet, (error) => error && expect.unreachable(error.message))
}

describe('an agent on a device', () => {
  it('says what the device is, is elected and runs a task', async () => {
    const on = await broker()
    const states = follow<DeviceState>(on, topics.all('state'))
    const statuses = follow<TaskStatus>(on, topics.all('status'))
    const logs = follow<TaskLog>(on, topics.all('log'))
    const { agent: started } = await agent(on.port, { labels: { room: 'attic' }, capacity: { gpu: 1 } })
    await started.ready
    submit(on, 'hello', {
      run: { exec: ['sh', '-c', 'echo "$COVEY_TASK on $COVEY_DEVICE: $(cat)"'] },
      input: [1],
    })
    const status = await until(
      () => statuses.find(({ state }) => state === 'succeeded'),
      'the task to succeed',
    )
    expect(status).toMatchObject({ device: 'pi-1', result: { exitCode: 0, stdout: 'hello on pi-1: [1]\n' } })
    expect(logs.map(({ text }) => text).join('')).toBe('hello on pi-1: [1]\n')
    const { labels, capacity } = await until(() => states.find(({ online }) => online), 'the state')
    expect(labels).toMatchObject({ room: 'attic', os: process.platform })
    expect(capacity).toMatchObject({
      gpu: 1,
      cpu: expect.any(String),
      memory: expect.stringMatching(/^\d+Mi$/),
    })
    expect(started.labels).toEqual(labels)
    expect(await started.stop()).toBe(0)
    expect(states.at(-1)?.online).toBe(false)
    expect(readdirSync(data).sort()).toEqual(['journal.json', 'work'])
  })

  it('is born anew with a higher incarnation, also without its journal', async () => {
    const on = await broker()
    const states = follow<DeviceState>(on, topics.all('state'))
    const online = (incarnation: number) => () =>
      states.some((state) => state.online && state.incarnation === incarnation)
    for (const incarnation of [1, 2]) {
      const { agent: started } = await agent(on.port)
      await until(online(incarnation), `incarnation ${incarnation}`)
      await started.stop()
    }
    writeFileSync(join(data, 'journal.json'), '{ broken')
    const { log } = await agent(on.port)
    await until(online(3), 'incarnation 3')
    expect(log.lines.filter(({ fields }) => 'movedTo' in fields)).toHaveLength(1)
  })

  it('waits for a broker that comes later', async () => {
    const { port, close } = await startSilentServer()
    await close()
    const { agent: started, log } = await agent(port)
    await until(() => log.lines.some(({ message }) => message.includes('E_BROKER_UNREACHABLE')), 'a failure')
    await broker(port)
    await started.ready
    const loud = log.lines.filter(({ level, message }) => level === 'error' && message.includes('E_BROKER'))
    expect(loud).toHaveLength(1)
  })

  it('stops in the middle of being unable to connect', async () => {
    const silent = await startSilentServer()
    const { agent: started } = await agent(silent.port)
    expect(await started.stop()).toBe(0)
    await expect(started.ready).rejects.toThrow('before it was connected')
    await silent.close()
  })

  it('ends what its former start left running and reports it as interrupted', async () => {
    const on = await broker()
    const reports = follow<DeviceReport>(on, topics.all('report'))
    mkdirSync(join(data, 'work', '1.pi-9.1'), { recursive: true })
    const child = spawn('sh', ['-c', 'sleep 600 & sleep 600'], {
      cwd: join(data, 'work', '1.pi-9.1'),
      env: { PATH: process.env['PATH'], COVEY_AGENT_DATA: data, COVEY_ATTEMPT: '1.pi-9.1' },
      detached: true,
      stdio: 'ignore',
    })
    const entry: JournalEntry = {
      attempt: { term: 1, agent: 'pi-9', n: 1 },
      task: 'left',
      spec: { run: { exec: ['sleep', '600'] } },
    }
    const journal = { version: 1, incarnation: 4, highest: { term: 1, agent: 'pi-9' }, entries: [entry] }
    writeFileSync(join(data, 'journal.json'), JSON.stringify(journal))
    await agent(on.port)
    await until(() => (readProcess(child.pid as number)?.state ?? 'Z') === 'Z', 'the leftover to go')
    const results = () => reports.flatMap((report) => report.results)
    const result = await until(() => results().find(({ task }) => task === 'left'), 'the report')
    expect(result).toMatchObject({ outcome: 'interrupted', attempt: entry.attempt })
    expect(readdirSync(data)).not.toContain('work')
  })

  it('does not share its data folder', async () => {
    const on = await broker()
    const first = await agent(on.port)
    await expect(agent(on.port, { id: 'pi-2' })).rejects.toMatchObject({ code: 'E_STORE_LOCKED' })
    await first.agent.stop()
    await agent(on.port, { id: 'pi-2' })
  })

  it.each<[string, Partial<AgentProcessOptions>, string]>([
    [
      'a broker that is none',
      { brokerUrl: 'http://pi:secret@host' },
      'broker "http://…@host" is not the URL',
    ],
    ['an id that is none', { id: 'a b' }, 'device "a b" is not an id'],
    ['a mesh that is none', { mesh: '' }, 'mesh "" is not an id'],
    ['an executor that it has not', { executors: ['vm'] }, 'executor "vm" is unknown'],
    ['a label without a name', { labels: { '1': 'x' } }, 'label "1" is not a name'],
    ['a capacity that is none', { capacity: { cpu: 'fast' } }, 'capacity cpu: "fast" is not a quantity'],
  ])('refuses %s and leaves the folder free', async (_what, options, message) => {
    await expect(agent(9, options)).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining(message),
    })
    const { agent: started } = await agent(9)
    await started.stop()
  })

  it('says which folder cannot be written', async () => {
    writeFileSync(data, 'in the way')
    await expect(agent(9)).rejects.toMatchObject({
      code: 'E_JOURNAL',
      message: expect.stringContaining(data),
    })
    expect(readFileSync(data, 'utf8')).toBe('in the way')
  })
})
