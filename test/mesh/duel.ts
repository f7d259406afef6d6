/**
 * Duels for the seat: real agents' cores over the real shell and a real broker, in this process so that their claims
 * can be let loose at the same instant. They run nothing and remember nothing.
 */
import { Agent } from '../../agent/core/agent.ts'
import type { Timing } from '../../agent/core/options.ts'
import { parseBrokerUrl } from '../../agent/shell/broker-address.ts'
import type { Emit } from '../../agent/shell/link.ts'
import { createLog } from '../../agent/shell/log.ts'
import { type RunningAgent, startAgent } from '../../agent/shell/runtime.ts'
import type { AgentEffect, AgentInput, Core, Now } from '../../shared/ports.ts'

const RELEASE_TIMER = 'duel/release'

/** Far faster than a mesh beats in earnest, so that a hundred rounds take seconds. */
const TIMING: Timing = {
  intervalMs: 100,
  heartbeatMs: 100,
  stepMs: 20,
  jitterMs: 10,
  settleMs: 30,
  lostGraceMs: 100,
  exclusiveLeaseMs: 10_000,
  reconnectBaseMs: 20,
  reconnectCapMs: 200,
}

/**
 * Holds back the first claim of each duellist until the last has begun to claim; then all go at once, or, to meet the
 * first in the middle of its way into office, each a little after the one before.
 */
export class Start {
  readonly #size: number
  readonly #staggerMs: number
  readonly #ready = new Map<string, () => void>()

  constructor(size: number, staggerMs: number) {
    this.#size = size
    this.#staggerMs = staggerMs
  }

  get given(): boolean {
    return this.#ready.size >= this.#size
  }

  arrive(id: string, release: () => void): void {
    this.#ready.set(id, release)
    if (!this.given) return
    for (const [i, go] of [...this.#ready.values()].entries()) {
      if (this.#staggerMs === 0) go()
      else setTimeout(go, i * this.#staggerMs)
    }
  }
}

/** A core whose first claim of the seat waits for the start, and which knows whether it has the seat's connection. */
class Held implements Core<AgentInput, AgentEffect> {
  readonly #core: Agent
  readonly #id: string
  readonly #start: Start
  readonly #release: () => void
  #held: AgentEffect | undefined
  hasSeat = false
  claims = 0

  constructor(core: Agent, id: string, start: Start, release: () => void) {
    this.#core = core
    this.#id = id
    this.#start = start
    this.#release = release
  }

  step(input: AgentInput, now: Now): readonly AgentEffect[] {
    if (input.in === 'timer' && input.name === RELEASE_TIMER) {
      const released = this.#held
      this.#held = undefined
      return released === undefined ? [] : [released]
    }
    if (input.in === 'link-up' && input.link === 'seat') this.hasSeat = true
    if (input.in === 'link-down' && input.link === 'seat') this.hasSeat = false
    return this.#core.step(input, now).flatMap((effect) => this.#pass(effect))
  }

  #pass(effect: AgentEffect): readonly AgentEffect[] {
    if (effect.do === 'disconnect' && effect.link === 'seat') {
      this.hasSeat = false
      // A claim that was given up before it was let loose.
      if (this.#held !== undefined) {
        this.#held = undefined
        return []
      }
    }
    if (effect.do !== 'connect' || effect.link !== 'seat') return [effect]
    this.claims++
    if (this.#start.given) return [effect]
    this.#held = effect
    this.#start.arrive(this.#id, this.#release)
    return []
  }
}

export interface Duellist {
  readonly id: string
  /** Connected, with its subscriptions granted. */
  readonly ready: boolean
  /** True while the broker counts it as the seat, as far as it knows. */
  readonly hasSeat: boolean
  /** How often it has tried to take the seat. */
  readonly claims: number
  stop(): Promise<number>
}

/** @param seed of its random numbers: nonces, jitter, back-off */
export function startDuellist(url: string, mesh: string, id: string, seed: string, start: Start): Duellist {
  let emit: Emit = () => undefined
  const core = new Agent({
    mesh,
    device: id,
    labels: {},
    capacity: { cpu: '1' },
    executors: [],
    candidate: 'auto',
    version: '0.0.0',
    seed,
    timing: TIMING,
  })
  // Released through the runtime's queue: the last to arrive is in the middle of a step of its own.
  const held = new Held(core, id, start, () => emit({ in: 'timer', name: RELEASE_TIMER }))
  const running: RunningAgent = startAgent(held, {
    mesh,
    broker: parseBrokerUrl(url),
    log: createLog({ level: 'silent' }),
    journal: undefined,
    writer: (toCore) => {
      emit = toCore
      return {
        persist: (seq) => setImmediate(() => toCore({ in: 'journaled', seq })),
        close: async () => undefined,
      }
    },
    executor: () => ({
      run: () => undefined,
      extend: () => undefined,
      kill: () => undefined,
      reap: () => undefined,
      close: async () => undefined,
    }),
    measure: () => ({}),
  })
  let ready = false
  running.ready.then(
    () => {
      ready = true
    },
    // Ended before it was connected: then it never is.
    () => undefined,
  )
  return {
    id,
    get ready() {
      return ready
    },
    get hasSeat() {
      return held.hasSeat
    },
    get claims() {
      return held.claims
    },
    stop: () => running.stop(),
  }
}
