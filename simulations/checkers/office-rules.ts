/**
 * Rules of the protocol for who is in office, about what must be known before something is said:
 *
 * - A new coordinator waits until its copy of the mesh has been quiet for the settle time, and then until every device
 *   believed online has reported for its term, at most an inventory window. Before, it places nothing and writes no status.
 * - A spec is cleared only when the broker has the task's terminal status.
 * - A device is told that its result has been taken only when the broker has the terminal status that says so.
 *
 * Judged is when something is said, by what the broker has accepted and the speaker's core has been told by then. What
 * breaks these rules often breaks no guarantee in the end, because another mechanism mends it; until that fails too.
 */
import { DEFAULT_TIMING, INVENTORY_INTERVALS } from '../../agent/core/options.ts'
import type { AgentEffect, AgentInput, Now, Subscription } from '../../shared/ports.ts'
import { attemptKey, compareReigns, type Reign } from '../../shared/protocol/attempt.ts'
import { isId } from '../../shared/protocol/ids.ts'
import {
  type Beacon,
  type DeviceState,
  type Inbox,
  isTerminal,
  type TaskStatus,
} from '../../shared/protocol/schemas/index.ts'
import { parseTopic } from '../../shared/protocol/topics.ts'
import type { Packet } from '../broker/packet.ts'
import type { SimNode } from '../node/node.ts'
import type { NodeEvent } from '../observer.ts'
import type { Checker, Violations } from './checker.ts'

type Publish = Extract<AgentEffect, { do: 'publish' }>

/** Of the copy: what a new coordinator must not take for complete too early. */
const COPIED: readonly string[] = ['spec', 'status', 'state', 'desired', 'config']
/** Who comes while the window closes need not be waited for; what was decided then may be said so much later. */
const NEWCOMER_MS = 2_000
/** Timers are rounded to the microsecond, and clocks drift. */
const TOLERANCE_MS = 1

/** Errors that a device's result ends a task with; the others are the coordinator's. */
const OWN_ERRORS: readonly (string | undefined)[] = ['E_TIMEOUT', 'E_EXIT', 'E_NOT_FOUND', 'E_SIGNAL']

/** One claim of the seat, from its connection on. */
interface Claim {
  reign: Reign | undefined
  markerMs: number | undefined
  /** The copy was quiet for the settle time after the marker. */
  settledMs: number | undefined
  readonly reported: Set<string>
  /** It has placed something or written a status. */
  acted: boolean
}

/** What one start of an agent has been told. */
interface Told {
  /** When something of the copy last came, or the copy was granted. */
  quietSinceMs: number
  /** Subscriptions that bring something of the copy, until they are granted. */
  readonly copying: Set<number>
  /** Of devices that are online: the connection that says so, and when it was heard of. */
  readonly online: Map<string, { readonly nonce: string; readonly sinceMs: number }>
  claim: Claim | undefined
}

export class OfficeChecker implements Checker {
  readonly name = 'wire'
  readonly #violations: Violations
  readonly #told = new Map<string, Told>()
  /** Tasks whose terminal status the broker has. */
  readonly #ended = new Set<string>()
  /** Tasks whose terminal status the broker had and lost: who was told that it has it cannot know. Until placed anew. */
  readonly #lostEnds = new Set<string>()
  /** By attempt: its task, while that has not ended; and by task its attempts. */
  readonly #tasks = new Map<string, string>()
  readonly #attempts = new Map<string, string[]>()
  /** By task: attempts whose result was said to be taken before the task had ended. */
  readonly #early = new Map<string, Set<string>>()
  /** Devices that the broker has as online, by connection. */
  readonly #online = new Map<string, string>()

  constructor(violations: Violations) {
    this.#violations = violations
  }

  // ---- what the broker has ----

  accepted(packet: Packet): void {
    if (packet.route === 'status') this.#onStatus(packet)
    else if (packet.route === 'inbox') {
      for (const { task, attempt } of (packet.body as Inbox | undefined)?.assign ?? []) {
        this.#assigned(attemptKey(attempt), task)
      }
    } else if (packet.route === 'state') {
      const { id = '' } = packet.address ?? {}
      const state = packet.body as DeviceState | undefined
      if (state?.online === true) this.#online.set(id, state.nonce)
      else this.#online.delete(id)
    }
  }

  #assigned(key: string, task: string): void {
    this.#lostEnds.delete(task)
    if (this.#ended.has(task)) return
    this.#tasks.set(key, task)
    const attempts = this.#attempts.get(task)
    if (attempts === undefined) this.#attempts.set(task, [key])
    else attempts.push(key)
  }

  /** What a broker loses has not been said. */
  lost(topics: readonly string[] | undefined): void {
    if (topics === undefined) {
      for (const task of this.#ended) this.#lostEnds.add(task)
      for (const had of [this.#early, this.#ended, this.#online]) had.clear()
    }
    for (const topic of topics ?? []) {
      const { route, id = '' } = parseTopic(topic) ?? {}
      if (route === 'state') this.#online.delete(id)
      if (route === 'spec' || route === 'status') this.#early.delete(id)
      if (route === 'status' && this.#ended.delete(id)) this.#lostEnds.add(id)
    }
  }

  #onStatus(packet: Packet): void {
    const { id: task = '' } = packet.address ?? {}
    const status = packet.body as TaskStatus | undefined
    if (status === undefined) {
      this.#ended.delete(task)
      this.#early.delete(task)
    } else if (isTerminal(status.state)) {
      this.#onEnd(task, status)
      this.#ended.add(task)
      this.#early.delete(task)
      for (const key of this.#attempts.get(task) ?? []) this.#tasks.delete(key)
      this.#attempts.delete(task)
    }
  }

  /** An end that comes from a result; others say only that nobody waits for one any more. */
  #onEnd(task: string, { state, attempt, error }: TaskStatus): void {
    if (attempt === undefined || this.#ended.has(task)) return
    const key = attemptKey(attempt)
    const ownEnd = state === 'succeeded' || OWN_ERRORS.includes(error?.code)
    if (!ownEnd || this.#early.get(task)?.has(key) !== true) return
    const expected = `the device of ${key} to keep its result until the broker has the end`
    this.#violations.add('wire', `task ${task}`, expected, 'it was told before that it need not')
  }

  // ---- what agents are told and say ----

  node(node: SimNode, event: NodeEvent): void {
    if (event !== 'wiped') this.#told.delete(node.device)
  }

  step(node: SimNode, input: AgentInput, effects: readonly AgentEffect[], now: Now): void {
    this.#hear(node, input, now.monoMs)
    for (const effect of effects) {
      if (effect.do === 'publish' && effect.link === 'seat') this.#say(node, effect, now.monoMs)
      else if (effect.do === 'connect' && effect.link === 'seat') this.#of(node).claim = newClaim()
      else if (effect.do === 'subscribe' && effect.link === 'device' && effect.to.some(isCopied)) {
        this.#of(node).copying.add(effect.token)
      }
    }
  }

  #hear(node: SimNode, input: AgentInput, nowMs: number): void {
    if (input.in === 'subscribed' && input.link === 'device') {
      if (this.#of(node).copying.delete(input.token)) this.#stir(node, nowMs)
    } else if (input.in === 'link-up' && input.link === 'device') this.#of(node).online.clear()
    else if (input.in === 'message') this.#read(node, input.message, nowMs)
  }

  #read(node: SimNode, message: Extract<AgentInput, { in: 'message' }>['message'], nowMs: number): void {
    const { route } = message
    if (message.retained && COPIED.includes(route)) this.#stir(node, nowMs)
    if (route === 'state') {
      const { online } = this.#of(node)
      if (!('body' in message && message.body.online)) online.delete(message.id)
      else if (online.get(message.id)?.nonce !== message.body.nonce) {
        online.set(message.id, { nonce: message.body.nonce, sinceMs: nowMs })
      }
      return
    }
    const claim = this.#told.get(node.device)?.claim
    if (claim === undefined) return
    if (route === 'marker') claim.markerMs ??= nowMs
    else if (route === 'report' && 'body' in message && claim.reign !== undefined) {
      const { highestTerm, full } = message.body
      if (full?.last === true && compareReigns(highestTerm, claim.reign) === 0) claim.reported.add(message.id)
    }
  }

  /** Something of the copy has come: until now it was quiet. */
  #stir(node: SimNode, nowMs: number): void {
    const told = this.#of(node)
    this.#noteQuiet(node, told, nowMs)
    told.quietSinceMs = nowMs
  }

  #noteQuiet(node: SimNode, { claim, quietSinceMs }: Told, nowMs: number): void {
    if (claim?.markerMs === undefined || claim.settledMs !== undefined) return
    const settleMs = node.options.agent.timing?.settleMs ?? DEFAULT_TIMING.settleMs
    const settledMs = Math.max(claim.markerMs, quietSinceMs + settleMs - TOLERANCE_MS)
    if (settledMs <= nowMs) claim.settledMs = settledMs
  }

  #say(node: SimNode, { message }: Publish, nowMs: number): void {
    // What a deposed one says before it has noticed reaches nobody.
    if (node.connection('seat')?.brokerState !== 'open') return
    const claim = this.#told.get(node.device)?.claim
    if (message.route === 'beacon' && message.body !== null) {
      if (claim !== undefined) claim.reign ??= reignOf(message.body)
    } else if (message.route === 'status') this.#act(node, claim, 'a status', nowMs)
    else if (message.route === 'inbox' && message.body !== null) {
      if (message.body.assign.length > 0) this.#act(node, claim, 'an assignment', nowMs)
      for (const attempt of message.body.ack) this.#onAcknowledged(attemptKey(attempt))
    } else if (message.route === 'spec' && message.body === null) this.#onCleared(message.topic)
  }

  #onCleared(topic: string): void {
    const { id: task = '' } = parseTopic(topic) ?? {}
    // A topic that names no task can have no status.
    if (this.#ended.has(task) || this.#lostEnds.has(task) || !isId(task)) return
    this.#violations.add(
      'wire',
      `task ${task}`,
      'its spec to stay until the broker has its end',
      'it is cleared',
    )
  }

  #onAcknowledged(key: string): void {
    const task = this.#tasks.get(key)
    if (task === undefined || this.#ended.has(task)) return
    const early = this.#early.get(task) ?? new Set()
    this.#early.set(task, early.add(key))
  }

  /** The first act of a claim tells whether its window was over. */
  #act(node: SimNode, claim: Claim | undefined, what: string, nowMs: number): void {
    if (claim === undefined || claim.acted) return
    claim.acted = true
    const told = this.#of(node)
    this.#noteQuiet(node, told, nowMs)
    const { settledMs } = claim
    if (settledMs === undefined) {
      this.#violations.add('wire', node.device, 'its copy to have settled before it acts', what)
      return
    }
    const { intervalMs, heartbeatMs } = { ...DEFAULT_TIMING, ...node.options.agent.timing }
    const windowMs = INVENTORY_INTERVALS * Math.max(intervalMs, heartbeatMs)
    if (nowMs - settledMs >= windowMs - TOLERANCE_MS) return
    for (const [device, { nonce, sinceMs }] of told.online) {
      if (claim.reported.has(device) || this.#online.get(device) !== nonce) continue
      if (nowMs - sinceMs < NEWCOMER_MS) continue
      const waited = `${what} after ${Math.round(nowMs - settledMs)} ms`
      this.#violations.add(
        'wire',
        node.device,
        `an inventory of ${device}, or ${windowMs} ms of waiting`,
        waited,
      )
      return
    }
  }

  #of(node: SimNode): Told {
    let told = this.#told.get(node.device)
    if (told === undefined) {
      told = {
        quietSinceMs: Number.NEGATIVE_INFINITY,
        copying: new Set(),
        online: new Map(),
        claim: undefined,
      }
      this.#told.set(node.device, told)
    }
    return told
  }
}

const isCopied = ({ topic }: Subscription): boolean => COPIED.includes(parseTopic(topic)?.route ?? '')

const newClaim = (): Claim => ({
  reign: undefined,
  markerMs: undefined,
  settledMs: undefined,
  reported: new Set(),
  acted: false,
})

const reignOf = ({ term, agent }: Beacon): Reign => ({ term, agent })
