/**
 * The agent: worker always, coordinator when elected. It owns nothing but the wiring; every input goes to the
 * part that it concerns, and what the parts emit is returned in order.
 */
import { leaseMsOf } from '../../shared/model/lease.ts'
import type { AgentEffect, AgentInput, Core, Now } from '../../shared/ports.ts'
import type { Reign } from '../../shared/protocol/attempt.ts'
import type { Incoming } from '../../shared/protocol/codec.ts'
import type { Beacon } from '../../shared/protocol/schemas/index.ts'
import { Coordinator } from '../coordinator/coordinator.ts'
import { Mirror } from '../coordinator/mirror.ts'
import { Election } from '../election/election.ts'
import { Worker } from '../worker/worker.ts'
import { Context } from './context.ts'
import { type AgentOptions, CANDIDATES_MAX } from './options.ts'

export class Agent implements Core<AgentInput, AgentEffect> {
  readonly #context: Context
  readonly #worker: Worker
  readonly #election: Election
  readonly #mirror = new Mirror()
  #coordinator: Coordinator | undefined
  #deviceToken = 0
  /** The subscription that brings the warm copy. */
  #mirrorToken = 0
  #seatToken = 0
  #candidates: { leaders: readonly string[] | undefined; ids: readonly string[] } = {
    leaders: undefined,
    ids: [],
  }

  constructor(options: AgentOptions) {
    this.#context = new Context(options)
    this.#worker = new Worker(this.#context)
    this.#election = new Election(this.#context, {
      seatUp: () => this.#subscribeSeat(),
      elected: (reign, nonce) => {
        this.#coordinator = new Coordinator(this.#context, this.#mirror, reign, nonce, this.#earlierLeaseMs, {
          learn: (seen) => this.#election.hearsay(seen),
          beaconChanged: () => this.#election.beaconChanged(),
          leave: (reason) => this.#election.leave(reason),
        })
      },
      deposed: () => this.#closeOffice(),
      candidacy: (candidate) => this.#follow(candidate),
      roundTrip: () => (this.#worker.membership.online ? this.#worker.membership.roundTrip() : -1),
      beaconFields: () => this.#beaconFields(),
      states: () => this.#mirror.readableStates(),
    })
  }

  step(input: AgentInput, now: Now): readonly AgentEffect[] {
    this.#context.now = now
    this.#dispatch(input)
    return this.#context.take()
  }

  #dispatch(input: AgentInput): void {
    if (this.#worker.step(input)) return
    switch (input.in) {
      case 'boot':
        this.#worker.boot(input.journal)
        this.#election.learn(this.#worker.fence.highest)
        break
      case 'link-up':
        if (input.link === 'seat') this.#election.seatUp()
        else this.#deviceUp()
        break
      case 'link-down':
        if (input.link === 'seat') this.#election.seatDown(input.reason)
        else {
          this.#worker.linkDown(input.reason)
          this.#election.linkDown()
        }
        break
      case 'subscribed':
        this.#subscribed(input.link, input.token, input.refused ?? [])
        break
      case 'message':
        this.#message(input.link, input.message)
        break
      case 'acked':
        this.#acked(input.link, input.token)
        break
      case 'timer':
        this.#timer(input.name)
        break
      case 'stop':
        this.#election.stop()
        this.#closeOffice()
        this.#worker.stop()
        break
      default:
        break
    }
  }

  #deviceUp(): void {
    this.#worker.membership.linkUp()
    const to = [...this.#worker.subscriptions(), ...this.#election.subscriptions()]
    if (this.#election.candidate) {
      this.#beginCopy()
      to.push(...Mirror.subscriptions(this.#context))
    }
    this.#deviceToken = this.#context.token()
    if (this.#election.candidate) this.#mirrorToken = this.#deviceToken
    this.#context.emit({ do: 'subscribe', link: 'device', to, token: this.#deviceToken })
  }

  #subscribeSeat(): void {
    this.#seatToken = this.#context.token()
    const to = Coordinator.subscriptions(this.#context)
    this.#context.emit({ do: 'subscribe', link: 'seat', to, token: this.#seatToken })
  }

  #subscribed(link: 'device' | 'seat', token: number, refused: readonly string[]): void {
    const needed = refused.filter(
      (topic) => !this.#election.doesWithout(topic) && !this.#worker.doesWithout(topic),
    )
    if (link === 'device' && needed.length > 0 && this.#refused(needed)) return
    if (link === 'device' && token === this.#mirrorToken) {
      this.#mirror.followedSinceMs = this.#context.now.monoMs
      this.#coordinator?.copyFollowed()
    }
    if (link === 'device' && token === this.#deviceToken) {
      this.#worker.subscribed()
      this.#election.linkReady()
    } else if (link === 'seat' && token === this.#seatToken) this.#election.seatSubscribed()
  }

  /** @returns true when the device cannot do without */
  #refused(topics: readonly string[]): boolean {
    const vital = new Set(this.#worker.subscriptions().map((subscription) => subscription.topic))
    if (topics.some((topic) => vital.has(topic))) {
      this.#worker.refused(topics)
      this.#election.linkDown()
      return true
    }
    this.#election.disqualify(topics)
    return false
  }

  #beginCopy(): void {
    this.#mirror.clear(this.#context.now.monoMs)
    this.#coordinator?.copyBegunAnew()
  }

  /** Begins or ends to follow what a coordinator must know. */
  #follow(candidate: boolean): void {
    if (!this.#worker.membership.linked) return
    const subscriptions = Mirror.subscriptions(this.#context)
    this.#beginCopy()
    if (candidate) {
      this.#mirrorToken = this.#context.token()
      this.#context.emit({ do: 'subscribe', link: 'device', to: subscriptions, token: this.#mirrorToken })
    } else {
      this.#mirrorToken = 0
      const topics = subscriptions.map((subscription) => subscription.topic)
      this.#context.emit({ do: 'unsubscribe', link: 'device', topics })
    }
  }

  #message(link: 'device' | 'seat', message: Incoming): void {
    // What is asked for again through the seat is newer than anything in the copy.
    if (link === 'seat') this.#mirror.correct(message)
    else if (!this.#mirror.apply(message, this.#context.now.monoMs)) return
    if ('rejection' in message && message.route !== 'spec') this.#unreadable(message)
    if (message.route === 'beacon') {
      if ('body' in message) this.#beacon(link, message.body)
    } else if (message.route === 'death') {
      if ('body' in message) this.#election.death(message.body)
    } else if (message.route === 'offer') {
      if ('body' in message) this.#election.offer(message.body.agent)
    } else if (message.route === 'auction') {
      if ('body' in message) this.#worker.auction(message.body)
    } else if (message.route === 'inbox') {
      if ('body' in message) this.#worker.inbox(message.body)
    } else {
      const own = message.route === 'state' && message.id === this.#context.options.device
      const state = 'body' in message && message.route === 'state' ? message.body : undefined
      if (own && link === 'device' && this.#worker.ownState(state)) this.#election.linkDown()
      this.#coordinator?.message(message, link)
      if (message.route === 'state' && this.#coordinator !== undefined) this.#tellCandidates()
    }
  }

  #unreadable(message: Extract<Incoming, { rejection: unknown }>): void {
    const { code, path, message: what } = message.rejection
    this.#context.log('warn', 'a message was rejected', {
      route: message.route,
      id: message.id,
      code,
      path,
      what,
    })
  }

  #beacon(link: 'device' | 'seat', beacon: Beacon): void {
    if (link === 'seat') return this.#election.seatBeacon(beacon)
    this.#worker.beacon(beacon)
    this.#election.beacon(beacon)
    this.#election.learn(this.#worker.fence.highest)
  }

  #acked(link: 'device' | 'seat', token: number): void {
    if (link === 'device') {
      this.#worker.acked(token)
      this.#election.acked(token)
    } else {
      this.#election.seatAcked(token)
      this.#coordinator?.acked(token)
    }
  }

  #timer(name: string): void {
    if (this.#worker.timer(name) || this.#election.timer(name)) return
    this.#coordinator?.timer(name)
  }

  /** The longest lease that the coordinator before may have given; 0 when none is known of. */
  get #earlierLeaseMs(): number {
    const { predecessor } = this.#election
    return predecessor === undefined ? 0 : leaseMsOf(predecessor)
  }

  #beaconFields(): Omit<Beacon, keyof Reign | 'nonce' | 'intervalMs'> {
    const candidates = [...this.#candidateIds()]
    if (this.#coordinator !== undefined) return { ...this.#coordinator.beacon, candidates }
    const { heartbeatMs, exclusiveLeaseMs } = this.#context.timing
    const leaseMs = Math.max(exclusiveLeaseMs, this.#earlierLeaseMs)
    const { config } = this.#mirror
    // What this coordinator will go by, as far as the copy tells already.
    const auctions = config !== undefined && 'body' in config && config.body.strategy === 'auction'
    return { heartbeatMs: Math.round(heartbeatMs), leaseMs, candidates, ...(auctions ? { auctions } : {}) }
  }

  /** Those who keep a warm copy: the coordinator, and the next in rank. */
  #candidateIds(): readonly string[] {
    const leaders = this.#mirror.leaders.ids()
    if (this.#candidates.leaders !== leaders) {
      const { device } = this.#context.options
      const others = leaders.filter((id) => id !== device)
      this.#candidates = { leaders, ids: [device, ...others].slice(0, CANDIDATES_MAX) }
    }
    return this.#candidates.ids
  }

  /** The fleet changed: perhaps others are to follow now. */
  #tellCandidates(): void {
    const before = this.#candidates.ids
    const ids = this.#candidateIds()
    if (ids !== before && ids.join() !== before.join()) this.#election.beaconChanged()
  }

  #closeOffice(): void {
    this.#coordinator?.close()
    this.#coordinator = undefined
  }
}
