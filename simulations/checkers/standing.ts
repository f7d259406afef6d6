/**
 * What a coordinator must count as standing: attempts that it has placed, that run, and that it has not given up. It may
 * count more, such as what it found when it came into office, and what it has not yet heard the end of.
 *
 * Numbers of attempts grow with the decisions of a reign. So when two stand together, the later was decided with the
 * earlier in view, whatever happened to messages meanwhile.
 */
import type { AgentEffect } from '../../shared/ports.ts'
import { type Attempt, attemptKey } from '../../shared/protocol/attempt.ts'
import { elementName } from '../../shared/protocol/ids.ts'
import type { Inbox, MeshEvent, TaskSpec } from '../../shared/protocol/schemas/index.ts'
import { parseTopic } from '../../shared/protocol/topics.ts'
import type { Process } from '../node/executor.ts'
import type { SimNode } from '../node/node.ts'

/** An assignment that was sent. */
export interface Assigned {
  readonly attempt: Attempt
  readonly task: string
  readonly device: string
  readonly spec: TaskSpec
}

export class Standing {
  /** Placed and not given up, whether or not they run; by the attempt's key. */
  readonly #kept = new Map<string, Assigned>()
  /** By reign and task: the key of the last attempt. */
  readonly #last = new Map<string, string>()
  /** Those of them that run, by reign. */
  readonly #running = new Map<string, Map<string, Assigned>>()

  /** Takes in what an agent does. @returns what it assigned */
  step(effects: readonly AgentEffect[]): Assigned[] {
    const sent: Assigned[] = []
    for (const effect of effects) {
      if (effect.do !== 'publish' || effect.message.body === null) continue
      if (effect.message.route === 'events') this.#event(effect.message.body)
      else if (effect.message.route === 'inbox') {
        const { topic, body } = effect.message
        sent.push(...this.#assigned(parseTopic(topic)?.id ?? '', body))
      }
    }
    return sent
  }

  #assigned(device: string, inbox: Inbox): Assigned[] {
    const { term, agent } = inbox
    const sent = inbox.assign.map(({ attempt, task, spec }) => ({ attempt, task, spec, device }))
    for (const { task, spec, elements } of inbox.batches ?? []) {
      for (const { n, element } of elements)
        sent.push({ attempt: { term, agent, n }, task: elementName(task, element), spec, device })
    }
    for (const one of sent) {
      const key = attemptKey(one.attempt)
      const place = `${reignOf(one.attempt)} ${one.task}`
      // What is placed again was over before.
      this.#drop(this.#last.get(place) ?? '')
      this.#last.set(place, key)
      this.#kept.set(key, one)
    }
    return sent
  }

  #event({ kind, term, agent, device, task }: MeshEvent): void {
    // A name that is taken twice begins anew.
    if (kind === 'elected') this.#dropAll((one) => reignOf(one.attempt) === reignOf({ term, agent }))
    else if (kind === 'lost')
      this.#dropAll((one) => one.device === device && reignOf(one.attempt) === reignOf({ term, agent }))
    else if (kind === 'rerouted') this.#drop(this.#last.get(`${reignOf({ term, agent })} ${task}`) ?? '')
  }

  /** What a device holds after its agent died is nobody's to say. */
  died(node: SimNode): void {
    this.#dropAll(({ device }) => device === node.device)
  }

  /** @returns what has begun to stand */
  process(node: SimNode, process: Process, running: boolean): Assigned | undefined {
    const key = attemptKey(process.attempt)
    const kept = this.#kept.get(key)
    if (!running) this.#drop(key)
    if (!running || kept?.device !== node.device) return undefined
    const reign = reignOf(process.attempt)
    const all = this.#running.get(reign) ?? new Map()
    this.#running.set(reign, all.set(key, kept))
    return kept
  }

  /** All that stands by the coordinator of the attempt. */
  beside(attempt: Attempt): Iterable<Assigned> {
    return this.#running.get(reignOf(attempt))?.values() ?? []
  }

  #dropAll(which: (one: Assigned) => boolean): void {
    for (const [key, one] of this.#kept) if (which(one)) this.#drop(key)
  }

  #drop(key: string): void {
    const one = this.#kept.get(key)
    if (one === undefined) return
    this.#kept.delete(key)
    this.#last.delete(`${reignOf(one.attempt)} ${one.task}`)
    const reign = reignOf(one.attempt)
    const running = this.#running.get(reign)
    running?.delete(key)
    if (running?.size === 0) this.#running.delete(reign)
  }
}

/** A reign's name as a key. */
export const reignOf = ({ term, agent }: Pick<Attempt, 'term' | 'agent'>): string => `${term}.${agent}`
