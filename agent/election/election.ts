/**
 * Election without votes: rank, seat, term.
 *
 * The broker lets one connection hold the seat's client id, so whoever connects last holds it alone; a deposed
 * holder cannot publish as the seat. The term that a new holder takes is above every term it has heard of, and
 * devices refuse lower ones. So safety rests on the broker and the term; rank and waiting only keep candidates
 * from pushing each other off the seat.
 *
 *   following ──death notice, or silence beyond the lease──▶ vacant ──this agent's turn──▶ claiming
 *       ▲                                                                                      │ beacon
 *       └─────── back-off ◀── leaving: seat closed, higher reign, own beacon unheard ── office ◀┘ acknowledged
 */
import type { Subscription } from '../../shared/ports.ts'
import { compareReigns, NO_REIGN, type Reign } from '../../shared/protocol/attempt.ts'
import type { Beacon, Death } from '../../shared/protocol/schemas/index.ts'
import { backoffMs } from '../../shared/random/random.ts'
import type { Context } from '../core/context.ts'
import { LEASE_INTERVALS } from '../core/options.ts'
import type { ElectionEvents } from './election-events.ts'
import { KnownReign } from './known-reign.ts'
import { Vacancy } from './vacancy.ts'

const LEASE_TIMER = 'election/lease'
const READ_TIMER = 'election/read'
const BEACON_TIMER = 'election/beacon'
const BACKOFF_TIMER = 'election/backoff'
/** A claim that has not come through by then is given up. */
const CLAIM_TIMEOUT_MS = 10_000
const CLAIM_TIMEOUT_TIMER = 'election/claim-timeout'
const BACKOFF_CAP_MS = 30_000
/** An agent that is no candidate steps in after this many leases of silence. */
const OUTSIDER_LEASES = 2
/** A change of what the beacon says is told this soon, instead of with the next beacon. */
const BEACON_CHANGED_MS = 50
/** In office this long, a candidate's next back-off starts anew. */
const STABLE_MS = 10_000

type Phase = 'idle' | 'following' | 'probing' | 'vacant' | 'connecting' | 'reading' | 'announcing' | 'office'

export class Election {
  readonly #context: Context
  readonly #events: ElectionEvents
  #phase: Phase = 'idle'
  readonly #vacancy: Vacancy
  #candidate = false
  #candidateSinceMs = 0
  #linked = false
  /** The last beacon of the highest reign heard of, and when it came. */
  #beacon: Beacon | undefined
  #heardMs = 0
  readonly #known = new KnownReign()
  #reign: Reign = NO_REIGN
  /** The last beacon of the coordinator before, since this agent has announced itself. */
  predecessor: Beacon | undefined
  #nonce = ''
  #probe: number | undefined
  #probedMs = 0
  #beaconToken: number | undefined
  #echoMs = 0
  #officeSinceMs = 0
  #failures = 0
  #hastened = false

  constructor(context: Context, events: ElectionEvents) {
    this.#context = context
    this.#events = events
    this.#vacancy = new Vacancy(context, {
      candidateSinceMs: () => (this.#candidate ? this.#candidateSinceMs : undefined),
      beacon: () => this.#beacon,
      states: () => events.states(),
      offered: () => this.#setCandidate(true),
      yielded: () => this.#follow(),
      turn: () => this.#claim(),
    })
  }

  get inOffice(): boolean {
    return this.#phase === 'office'
  }

  get candidate(): boolean {
    return this.#candidate
  }

  /** The reign that this agent holds or claims. */
  get reign(): Reign {
    return this.#reign
  }

  get #eligible(): boolean {
    return this.#context.candidacy !== 'never'
  }

  #leaseMs(): number {
    return LEASE_INTERVALS * (this.#beacon?.intervalMs ?? this.#context.timing.intervalMs)
  }

  /** What every agent that may become coordinator listens to. */
  subscriptions(): readonly Subscription[] {
    return this.#eligible ? [{ topic: this.#context.topics.of('offer'), qos: 0 }] : []
  }

  /** A broker may refuse it: then offers are not heard, and everybody makes one. */
  doesWithout(topic: string): boolean {
    return topic === this.#context.topics.of('offer')
  }

  /** The device's link stands and its subscriptions too. */
  linkReady(): void {
    this.#linked = true
    if (!this.#eligible || this.#phase !== 'idle') return
    this.#phase = 'following'
    this.#heardMs = this.#context.now.monoMs
    // No beacon was ever retained in a fresh mesh: then the lease has nothing to protect.
    const { settleMs, jitterMs } = this.#context.timing
    this.#context.timer(
      LEASE_TIMER,
      this.#beacon === undefined ? 2 * settleMs + this.#jitter(jitterMs) : this.#silenceMs(),
    )
  }

  linkDown(): void {
    this.#linked = false
    if (this.#phase === 'idle' || this.inOffice || this.#claiming) return
    this.#rest()
    this.#phase = 'idle'
  }

  get #claiming(): boolean {
    return this.#phase === 'connecting' || this.#phase === 'reading' || this.#phase === 'announcing'
  }

  /** A coordinator is believed to be there. */
  get #watching(): boolean {
    return this.#phase === 'following' || this.#phase === 'probing'
  }

  /** Silence that is taken for a vacancy; those who are no candidates leave candidates the first word. */
  #silenceMs(): number {
    const leases = this.#candidate ? 1 : OUTSIDER_LEASES
    return leases * this.#leaseMs() + this.#jitter(this.#context.timing.jitterMs)
  }

  #jitter(ms: number): number {
    return this.#context.random.float() * ms
  }

  /** The broker does not let this agent read what a coordinator must: it is none, and others need not count on it. */
  disqualify(topics: readonly string[]): void {
    this.leave('the broker refuses what a coordinator must read')
    this.#context.log('warn', 'not a candidate: the broker refuses what a coordinator must read', {
      topics,
      remedy: 'give its user the role coordinator, or start it with --coordinator never',
    })
    this.#context.candidacy = 'never'
    this.#setCandidate(false)
    this.#rest()
    this.#phase = 'idle'
    this.#events.roundTrip()
  }

  /** A device told of a reign that it has seen. */
  hearsay(reign: Reign): void {
    if (this.#known.plausible(reign)) return this.learn(reign)
    const { term, agent } = reign
    const { highest } = this.#known
    this.#context.log('warn', 'a term that cannot have come about was ignored', {
      term,
      agent,
      highest: highest.term,
    })
  }

  /** Word of a reign, from a beacon or from the own memory. A coordinator below it leaves. */
  learn(reign: Reign): void {
    this.#known.raise(reign)
    if (
      (this.inOffice || this.#phase === 'announcing') &&
      compareReigns(this.#known.highest, this.#reign) > 0
    ) {
      this.leave(`a higher reign exists: term ${this.#known.highest.term} of ${this.#known.highest.agent}`)
    }
  }

  /** A beacon on the device's link. */
  beacon(beacon: Beacon): void {
    const before = this.#beacon
    if (before !== undefined && compareReigns(beacon, before) < 0) return
    this.#beacon = beacon
    this.#heardMs = this.#context.now.monoMs
    if (beacon.nonce === this.#nonce && this.inOffice) {
      this.#echoMs = this.#heardMs
      return
    }
    this.learn(beacon)
    if (!this.#eligible) return
    // What a dead coordinator sent last may come after its death notice.
    if (this.#vacancy.isDead(beacon)) return
    if (this.#phase !== 'vacant' && !this.#watching) return
    this.#vacancy.filled()
    this.#setCandidate(beacon.candidates.includes(this.#context.options.device))
    this.#follow()
  }

  /** The coordinator names its candidates; whoever is one keeps a warm copy. */
  #setCandidate(candidate: boolean): void {
    if (candidate === this.#candidate) return
    this.#candidate = candidate
    this.#candidateSinceMs = this.#context.now.monoMs
    this.#events.candidacy(candidate)
  }

  #follow(): void {
    this.#phase = 'following'
    this.#probe = undefined
    this.#context.timer(LEASE_TIMER, this.#silenceMs())
  }

  /** A death notice counts only when it names the current beacon. */
  death(death: Death): void {
    if (this.#beacon === undefined || death.nonce !== this.#beacon.nonce) return
    if (this.#watching) this.#vacate(death.nonce, 0)
  }

  /** Nothing was heard for the lease: silence counts only when the own link answers. */
  #silence(): void {
    if (this.#phase !== 'following') return
    this.#phase = 'probing'
    this.#probe = this.#events.roundTrip()
    this.#probedMs = this.#context.now.monoMs
    this.#context.timer(LEASE_TIMER, this.#leaseMs())
  }

  acked(token: number): void {
    if (token !== this.#probe || this.#phase !== 'probing') return
    this.#vacate(undefined, this.#context.now.monoMs - this.#probedMs)
  }

  /** @param dead nonce of the beacon that ended, where a death notice told it */
  #vacate(dead: string | undefined, roundTripMs: number): void {
    this.#probe = undefined
    this.#phase = 'vacant'
    this.#context.cancelTimer(LEASE_TIMER)
    this.#vacancy.open(dead, roundTripMs)
  }

  /** Another agent offers itself as a candidate. */
  offer(agent: string): void {
    this.#vacancy.offer(agent)
  }

  #claim(): void {
    this.#phase = 'connecting'
    this.#nonce = this.#context.random.name(12)
    const { options, topics } = this.#context
    this.#context.log('info', 'claiming the seat', { nonce: this.#nonce })
    this.#context.emit({
      do: 'connect',
      link: 'seat',
      clientId: topics.seatClientId(),
      will: this.#context.message('death', undefined, { agent: options.device, nonce: this.#nonce }),
    })
    this.#context.timer(CLAIM_TIMEOUT_TIMER, CLAIM_TIMEOUT_MS)
  }

  seatUp(): void {
    if (this.#phase !== 'connecting') return
    this.#phase = 'reading'
    this.#events.seatUp()
  }

  /**
   * The seat's subscriptions stand: a retained beacon is on its way, if there is one. The marker follows it on
   * brokers that keep order; elsewhere it is given the settle time.
   */
  seatSubscribed(): void {
    if (this.#phase !== 'reading') return
    // The device's link would have shown a beacon long before; this only catches one that came since.
    this.#context.timer(READ_TIMER, this.#context.timing.settleMs / 3)
  }

  /** A beacon as the seat itself reads it. */
  seatBeacon(beacon: Beacon): void {
    if (beacon.nonce === this.#nonce) return
    this.learn(beacon)
    if (this.#beacon === undefined || compareReigns(beacon, this.#beacon) > 0) this.#beacon = beacon
    if (this.#phase === 'reading') this.#announce()
  }

  #announce(): void {
    this.#phase = 'announcing'
    this.#context.cancelTimer(READ_TIMER)
    this.#reign = { term: this.#known.highest.term + 1, agent: this.#context.options.device }
    this.#known.raise(this.#reign)
    this.predecessor = this.#beacon
    this.#publishBeacon()
  }

  #publishBeacon(): void {
    const { intervalMs } = this.#context.timing
    this.#beaconToken = this.#context.token()
    const beacon: Beacon = { ...this.#reign, nonce: this.#nonce, intervalMs, ...this.#events.beaconFields() }
    this.#context.publish('seat', 'beacon', undefined, beacon, this.#beaconToken)
    this.#context.timer(BEACON_TIMER, intervalMs)
  }

  seatAcked(token: number): void {
    if (token !== this.#beaconToken || this.#phase !== 'announcing') return
    this.#phase = 'office'
    this.#context.cancelTimer(CLAIM_TIMEOUT_TIMER)
    this.#officeSinceMs = this.#echoMs = this.#context.now.monoMs
    this.#setCandidate(true)
    this.#context.log('info', 'in office', { term: this.#reign.term })
    this.#events.elected(this.#reign, this.#nonce)
  }

  seatDown(reason: string): void {
    if (this.#claiming || this.inOffice) this.#stepDown(`the seat closed: ${reason}`)
  }

  /** Leaves office or gives up a claim. The socket is dropped, so that the will tells the others at once. */
  leave(reason: string): void {
    if (!this.#claiming && !this.inOffice) return
    this.#context.emit({ do: 'disconnect', link: 'seat', will: true })
    this.#stepDown(reason)
  }

  #stepDown(reason: string): void {
    const held = this.inOffice
    const { monoMs } = this.#context.now
    if (held && monoMs - this.#officeSinceMs > STABLE_MS) this.#failures = 0
    this.#rest()
    this.#phase = this.#linked ? 'following' : 'idle'
    this.#context.log(held ? 'warn' : 'info', held ? 'out of office' : 'claim given up', { reason })
    // Never back by reflex: two that push each other off the seat would never settle.
    this.#vacancy.backOff()
    const { stepMs } = this.#context.timing
    const delayMs = stepMs + backoffMs(this.#context.random, this.#failures++, 2 * stepMs, BACKOFF_CAP_MS)
    this.#context.timer(BACKOFF_TIMER, delayMs)
    if (this.#linked) this.#context.timer(LEASE_TIMER, this.#silenceMs())
    if (held) this.#events.deposed(reason)
  }

  #rest(): void {
    this.#vacancy.close()
    for (const name of [LEASE_TIMER, READ_TIMER, BEACON_TIMER, CLAIM_TIMEOUT_TIMER]) {
      this.#context.cancelTimer(name)
    }
    this.#probe = undefined
    this.#beaconToken = undefined
  }

  /** The agent stops: its office ends at once, and the will says so. */
  stop(): void {
    if (this.#claiming || this.inOffice) this.#context.emit({ do: 'disconnect', link: 'seat', will: true })
    this.#rest()
    this.#context.cancelTimer(BACKOFF_TIMER)
    this.#phase = 'idle'
  }

  /** @returns true when the timer was the election's */
  timer(name: string): boolean {
    if (name === LEASE_TIMER) {
      if (this.#phase === 'probing') this.#follow()
      else this.#silence()
    } else if (name === READ_TIMER) {
      if (this.#phase === 'reading') this.#announce()
    } else if (name === BEACON_TIMER) this.#beat()
    else if (name === CLAIM_TIMEOUT_TIMER) this.leave('the claim did not come through in time')
    else if (name === BACKOFF_TIMER) this.#vacancy.backedOff()
    else return this.#vacancy.timer(name)
    return true
  }

  /** Others keep the warm copy from now on, and should know before this coordinator can die; or devices are to listen. */
  beaconChanged(): void {
    if (!this.inOffice || this.#hastened) return
    this.#hastened = true
    this.#context.timer(BEACON_TIMER, Math.min(BEACON_CHANGED_MS, this.#context.timing.intervalMs))
  }

  #beat(): void {
    if (!this.inOffice) return
    this.#hastened = false
    const silentMs = this.#context.now.monoMs - this.#echoMs
    const { intervalMs } = this.#context.timing
    if (silentMs > LEASE_INTERVALS * intervalMs + intervalMs) {
      return this.leave(`the own beacon has not come back for ${Math.round(silentMs)} ms`)
    }
    this.#publishBeacon()
  }
}
