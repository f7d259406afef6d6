import { afterEach, describe, expect, it } from 'vitest'
import { parseBrokerUrl } from '../agent/shell/broker-address.ts'
import type { Executor } from '../agent/shell/executor.ts'
import { DEFAULT_LIMITS, type ShellLimits } from '../agent/shell/limits.ts'
import {
  EXIT_BUG,
  EXIT_STOP_TIMEOUT,
  type RunningAgent,
  type ShellDeps,
  startAgent,
} from '../agent/shell/runtime.ts'
import { Timers } from '../agent/shell/timers.ts'
import { CoveyError, InvariantError } from '../shared/errors/errors.ts'
import type { AgentEffect, AgentInput, Core, Now, Outgoing } from '../shared/ports.ts'
import { Topics } from '../shared/protocol/topics.ts'
import { recordLog, startBareBroker, until } from './agent-shell-support.ts'

const topics = new Topics('home')
const WILL: Outgoing = {
  route: 'death',
  topic: topics.of('death'),
  body: { agent: 'pi-1', nonce: 'n' },
  qos: 1,
  retain: false,
}
const CONNECT: AgentEffect = { do: 'connect', link: 'device', clientId: 'c1', will: WILL }

/** A core that answers inputs from a table, and notes what it was told. */
class ScriptedCore implements Core<AgentInput, AgentEffect> {
  readonly seen: AgentInput[] = []
  readonly times: Now[] = []
  readonly #answer: (input: AgentInput) => AgentEffect[]
  depth = 0

  constructor(answer: (input: AgentInput) => AgentEffect[]) {
    this.#answer = answer
  }

  step(input: AgentInput, now: Now): AgentEffect[] {
    this.depth++
    expect(this.depth).toBe(1)
    this.seen.push(input)
    this.times.push(now)
    const effects = this.#answer(input)
    this.depth--
    return effects
  }

  kinds(): string[] {
    return this.seen.map((input) => (input.in === 'timer' ? input.name : input.in))
  }
}

const running: RunningAgent[] = []
const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const agent of running.splice(0)) await agent.stop()
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

interface Options {
  readonly limits?: Partial<ShellLimits>
  readonly port?: number
  readonly executor?: Partial<Executor>
  readonly deps?: Partial<ShellDeps>
}

function start(answer: (input: AgentInput) => AgentEffect[], options: Options = {}) {
  const core = new ScriptedCore(answer)
  const log = recordLog()
  const closed: string[] = []
  const executor: Executor = {
    run: () => undefined,
    extend: () => undefined,
    kill: () => undefined,
    reap: () => undefined,
    close: async () => void closed.push('executor'),
    ...options.executor,
  }
  const agent = startAgent(core, {
    mesh: 'home',
    broker: parseBrokerUrl(`mqtt://127.0.0.1:${options.port ?? 9}`),
    log,
    journal: undefined,
    writer: (emit) => ({
      persist: (seq) => emit({ in: 'journaled', seq }),
      close: async () => void closed.push('journal'),
    }),
    executor: () => executor,
    measure: () => ({ uptime: 1 }),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    ...options.deps,
  })
  running.push(agent)
  return { agent, core, log, closed }
}

const exitOnStop = (input: AgentInput): AgentEffect[] =>
  input.in === 'stop' ? [{ do: 'exit', code: 0 }] : []

describe('the runtime of an agent', () => {
  it('steps one input at a time, in order, also those that its effects cause at once', async () => {
    const { agent, core } = start((input) => {
      if (input.in === 'boot') {
        return [
          { do: 'persist', seq: 1, change: {} },
          { do: 'timer', name: 'later', delayMs: 0 },
          { do: 'measure' },
          { do: 'persist', seq: 2, change: {} },
        ]
      }
      return input.in === 'journaled' && input.seq === 1 ? [{ do: 'measure' }] : exitOnStop(input)
    })
    expect(core.kinds()).toEqual(['boot', 'journaled', 'measured', 'journaled', 'measured'])
    await until(() => core.kinds().includes('later'), 'the timer')
    const times = core.times.map(({ monoMs }) => monoMs)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(await agent.stop()).toBe(0)
  })

  it('runs a timer without delay after what is waiting, and replaces and cancels by name', async () => {
    const { core } = start((input) => {
      if (input.in === 'boot') {
        return [
          { do: 'timer', name: 'a', delayMs: 60_000 },
          { do: 'timer', name: 'a', delayMs: 0 },
          { do: 'timer', name: 'b', delayMs: 0 },
          { do: 'cancel-timer', name: 'b' },
          { do: 'timer', name: 'c', delayMs: 30 },
          { do: 'timer', name: 'never', delayMs: 2 ** 40 },
          { do: 'measure' },
        ]
      }
      return exitOnStop(input)
    })
    await until(() => core.kinds().includes('c'), 'timer c')
    expect(core.kinds()).toEqual(['boot', 'measured', 'a', 'c'])
  })

  it('never fires a timer before its time', async () => {
    const due = new Map<string, number>()
    const early: string[] = []
    const timers = new Timers((name) => {
      if (performance.now() < (due.get(name) as number)) early.push(name)
      due.delete(name)
    }, 1_000)
    for (let n = 0; n < 200; n++) {
      due.set(`${n}`, performance.now() + 1 + n / 7)
      timers.set(`${n}`, 1 + n / 7)
    }
    await until(() => due.size === 0, 'all timers')
    expect(early).toEqual([])
  })

  it('is ready when the device is connected and subscribed', async () => {
    const broker = await startBareBroker()
    cleanups.push(() => broker.close())
    let held = true
    broker.aedes.authorizeSubscribe = (_client, subscription, done) => {
      const answer = () => (held ? setImmediate(answer) : done(null, subscription))
      answer()
    }
    const { agent } = start(
      (input) => {
        if (input.in === 'boot') return [CONNECT]
        if (input.in !== 'link-up') return exitOnStop(input)
        return [{ do: 'subscribe', link: 'device', to: [{ topic: topics.of('beacon'), qos: 1 }], token: 1 }]
      },
      { port: broker.port },
    )
    let ready = false
    void agent.ready.then(() => {
      ready = true
    })
    await until(() => broker.aedes.connectedClients === 1, 'the connection')
    expect(ready).toBe(false)
    held = false
    await agent.ready
    expect(await agent.stop()).toBe(0)
    await until(() => broker.aedes.connectedClients === 0, 'the end of the connection')
  })

  it('is never ready when it ends before', async () => {
    const { agent, closed } = start(exitOnStop)
    expect(await agent.stop()).toBe(0)
    await expect(agent.ready).rejects.toThrow('ended with code 0 before it was connected')
    expect(closed.sort()).toEqual(['executor', 'journal'])
    expect(await agent.stop()).toBe(0)
  })

  it('ends with code 70, its will sent and its children ended, when the core breaks an invariant', async () => {
    const broker = await startBareBroker()
    cleanups.push(() => broker.close())
    const wills: string[] = []
    broker.aedes.subscribe(
      topics.of('death'),
      (packet, done) => {
        wills.push(packet.payload.toString())
        done()
      },
      () => undefined,
    )
    const { agent, closed, log } = start(
      (input) => {
        if (input.in === 'boot') return [CONNECT]
        if (input.in === 'link-up') throw new InvariantError('1 is 2')
        return []
      },
      { port: broker.port },
    )
    expect(await agent.done).toBe(EXIT_BUG)
    await until(() => wills.length === 1, 'the will')
    expect(closed).toContain('executor')
    const told = log.lines.find(({ level, message }) => level === 'error' && message.includes('1 is 2'))
    expect(told?.fields).toMatchObject({ kind: 'invariant', input: expect.stringContaining('link-up') })
  })

  it('ends when the core and the shell go in a circle', async () => {
    const { agent, log } = start(
      (input) =>
        input.in === 'boot' || input.in === 'measured' ? [{ do: 'measure' }, { do: 'measure' }] : [],
      { limits: { inputQueueMax: 50 } },
    )
    expect(await agent.done).toBe(EXIT_BUG)
    expect(log.lines.at(-1)?.message).toContain('inputQueueMax is 50')
  })

  it('handles more inputs than its queue may hold when they are taken in time', async () => {
    let count = 0
    const { core } = start(
      (input) => {
        if (input.in === 'boot' || (input.in === 'measured' && ++count < 5_000)) return [{ do: 'measure' }]
        return exitOnStop(input)
      },
      { limits: { inputQueueMax: 2 } },
    )
    expect(core.seen).toHaveLength(5_001)
  })

  it('ends a core that does not stop in time', async () => {
    const { agent, closed } = start(() => [], { limits: { stopTimeoutMs: 20 } })
    expect(await agent.stop()).toBe(EXIT_STOP_TIMEOUT)
    expect(closed).toContain('executor')
  })

  it('ends although something does not close', async () => {
    const { agent, log } = start(exitOnStop, {
      limits: { closeTimeoutMs: 20 },
      executor: { close: () => new Promise(() => undefined) },
    })
    expect(await agent.stop()).toBe(0)
    expect(log.lines.at(-1)).toMatchObject({ level: 'warn', fields: { closeTimeoutMs: 20 } })
  })

  it('ends when its journal fails for good', async () => {
    let give: (error: Error) => void = () => undefined
    const { agent, log } = start(() => [], {
      deps: {
        writer: (_emit, fail) => {
          give = fail
          return { persist: () => undefined, close: async () => fail(new Error('a second failure')) }
        },
      },
    })
    give(new CoveyError('E_JOURNAL', 'the disk is dead'))
    expect(await agent.done).toBe(EXIT_BUG)
    expect(log.lines).toMatchObject([{ level: 'error', fields: { kind: 'E_JOURNAL' } }])
  })
})
