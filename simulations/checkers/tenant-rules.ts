/**
 * Rules of tenants:
 *
 * - What a coordinator has placed of a tenant's, and what runs of that, is within the tenant's quota (standing.ts). What it
 *   found when it came into office, or what comes back with a device, may exceed it.
 * - What is refused for a quota or a bound of tasks is truly beyond it, by all that may be counted then.
 *
 * - Who begins to serve knows the settings that the broker had before it was elected.
 *
 * Judged is by the settings that the coordinator has heard while it served; of several any will do. Where it has heard none, or the
 * broker has lost them, there are no bounds.
 */
import { accumulate, emptyVector, fits, type Resources, shortfall } from '../../shared/model/resources.ts'
import { demandOf } from '../../shared/model/task.ts'
import { DEFAULT_TENANT, type TenantRule, tenantRules, UNBOUND } from '../../shared/model/tenants.ts'
import type { AgentEffect, AgentInput } from '../../shared/ports.ts'
import {
  isTerminal,
  type MeshEvent,
  type TaskSpec,
  type TaskStatus,
  type Withdraw,
} from '../../shared/protocol/schemas/index.ts'
import type { Packet } from '../broker/packet.ts'
import type { Engine } from '../engine/engine.ts'
import type { Process } from '../node/executor.ts'
import type { SimNode } from '../node/node.ts'
import type { Checker, Violations } from './checker.ts'
import { Countable } from './countable.ts'
import { reignOf, Standing } from './standing.ts'

/** How long after the end of a task it may have been counted: a status is published a little after it is decided. */
const TOLD_LATE_MS = 5_000

type Rules = ReadonlyMap<string, TenantRule>

export class TenantChecker implements Checker {
  readonly name = 'tenants'
  readonly #violations: Violations
  readonly #engine: Pick<Engine, 'nowMs'>
  readonly #standing = new Standing()
  /** The settings that an agent heard last, since it started. */
  readonly #heard = new Map<string, { readonly rules: Rules; readonly config: unknown }>()
  /** The settings that the broker retains, and since when; and when each agent was elected last. */
  #retained: { readonly config: unknown; readonly sinceMs: number } | undefined
  readonly #electedMs = new Map<string, number>()
  /** By reign: the settings that it may go by. */
  readonly #rules = new Map<string, Rules[]>()
  /** By task: what submitters have said of it, and when it ended. */
  readonly #tasks = new Map<string, { readonly specs: TaskSpec[]; endedMs?: number | undefined }>()
  readonly #countable: Countable
  /** Refusals that were looked at; whoever comes later may publish them again. */
  readonly #judged = new Set<string>()
  #lost = false

  constructor(violations: Violations, engine: Pick<Engine, 'nowMs'>) {
    this.#violations = violations
    this.#engine = engine
    this.#countable = new Countable(engine)
  }

  lost(topics: readonly string[] | undefined): void {
    if (topics?.some((topic) => topic.endsWith('/config')) ?? true) this.#lost = true
    for (const task of this.#tasks.values()) task.endedMs = undefined
    this.#countable.lost()
  }

  accepted(packet: Packet): void {
    this.#countable.accepted(packet)
    const { id = '' } = packet.address ?? {}
    if (packet.route === 'config') this.#retained = { config: packet.body, sinceMs: this.#engine.nowMs }
    if (packet.route === 'spec') {
      const spec = packet.body as TaskSpec | Withdraw | undefined
      const task = this.#tasks.get(id) ?? { specs: [] }
      this.#tasks.set(id, task)
      task.endedMs = undefined
      if (spec !== undefined && 'run' in spec) task.specs.push(spec)
    } else if (packet.route === 'status') {
      const status = packet.body as TaskStatus | undefined
      const task = this.#tasks.get(id)
      if (status === undefined || task === undefined) return
      task.endedMs = isTerminal(status.state) ? (task.endedMs ?? this.#engine.nowMs) : undefined
    }
  }

  node(node: SimNode): void {
    this.#standing.died(node)
    this.#heard.delete(node.device)
  }

  step(node: SimNode, input: AgentInput, effects: readonly AgentEffect[]): void {
    if (input.in === 'message' && input.message.route === 'config') {
      const rules = tenantRules('body' in input.message ? input.message.body : undefined)
      this.#heard.set(node.device, {
        rules,
        config: 'body' in input.message ? input.message.body : undefined,
      })
      for (const [reign, known] of this.#rules) if (reign.endsWith(`.${node.device}`)) known.push(rules)
    }
    this.#countable.step(effects, this.#standing.step(effects))
    for (const effect of effects) {
      if (effect.do !== 'publish' || effect.message.body === null) continue
      if (effect.message.route === 'events') this.#event(node, effect.message.body)
      else if (effect.message.route === 'status' && effect.message.body.state === 'rejected')
        this.#refused(effect.message.body)
    }
  }

  #event(node: SimNode, { kind, term, agent }: MeshEvent): void {
    if (kind === 'elected') this.#electedMs.set(node.device, this.#engine.nowMs)
    if (kind !== 'serving') return
    const heard = this.#heard.get(node.device)
    this.#rules.set(reignOf({ term, agent }), [heard?.rules ?? new Map()])
    const { config, sinceMs = Number.POSITIVE_INFINITY } = this.#retained ?? {}
    if (this.#lost || sinceMs >= (this.#electedMs.get(node.device) ?? 0) || heard?.config === config) return
    const found = `${heard === undefined ? 'none' : 'others'} in term ${term}`
    this.#violations.add('tenants', node.device, 'it to serve by the settings that the broker has', found)
  }

  process(node: SimNode, process: Process, running: boolean): void {
    if (!running) this.#countable.gone(process)
    const begun = this.#standing.process(node, process, running)
    if (begun === undefined) return
    const tenant = tenantOf(begun.spec)
    const sum = emptyVector()
    for (const { spec } of this.#standing.beside(begun.attempt))
      if (tenantOf(spec) === tenant) accumulate(sum, demandOf(spec).resources, 1)
    const rules = this.#known(reignOf(begun.attempt)).map((known) => known.get(tenant) ?? UNBOUND)
    if (rules.length === 0 || rules.some(({ quota }) => fits(sum, { ...sum, ...quota }))) return
    const over = shortfall(sum, { ...sum, ...rules[0]?.quota })
    const expected = `at most ${rules.map(({ quota }) => quota[over?.name ?? '']).join(' or ')} ${over?.name} for tenant ${tenant}`
    const found = `${sum[over?.name ?? '']} (in thousandths) with ${begun.task}, all placed by one coordinator`
    this.#violations.add('tenants', begun.device, expected, found)
  }

  /** What the coordinator may go by; nothing where that is not known. */
  #known(reign: string): readonly Rules[] {
    return this.#lost ? [] : (this.#rules.get(reign) ?? [])
  }

  /** A task is rejected; any of what was said under its id may be why. */
  #refused(status: TaskStatus): void {
    const { task, error } = status
    const refusal = `${task}: ${error?.message}`
    if (this.#judged.has(refusal)) return
    this.#judged.add(refusal)
    const rules = this.#known(reignOf(status))
    const specs = this.#tasks.get(task)?.specs ?? []
    if (rules.length === 0 || specs.length === 0) return
    const is = (over: (spec: TaskSpec, rule: TenantRule) => boolean): boolean =>
      specs.some((spec) => rules.some((known) => over(spec, known.get(tenantOf(spec)) ?? UNBOUND)))
    const beyond = {
      E_QUOTA_SIZE: (spec: TaskSpec, { quota }: TenantRule) => exceeds(quota, demandOf(spec).resources),
      E_QUOTA: (spec: TaskSpec, rule: TenantRule) =>
        rule.overQuota === 'reject' && exceeds(rule.quota, this.#mostReserved(spec)),
      E_TENANT_TASKS_MAX: (spec: TaskSpec, { tasksMax }: TenantRule) =>
        this.#mostTasks(tenantOf(spec), task) >= tasksMax,
    }[error?.code ?? '']
    if (beyond === undefined || is(beyond)) return
    const found = `${error?.message}, refused in term ${status.term}`
    this.#violations.add('tenants', `task ${task}`, 'nothing to be refused that is within all bounds', found)
  }

  /** The most that a tenant may be counted to have reserved, with the task. */
  #mostReserved(asked: TaskSpec): Resources {
    const tenant = tenantOf(asked)
    const sum = emptyVector()
    accumulate(sum, demandOf(asked).resources, 1)
    for (const { spec } of this.#countable.all())
      if (tenantOf(spec) === tenant) accumulate(sum, demandOf(spec).resources, 1)
    return sum
  }

  /** The most tasks of a tenant that may be counted as unfinished, beside one. */
  #mostTasks(tenant: string, beside: string): number {
    let count = 0
    for (const [id, { specs, endedMs }] of this.#tasks) {
      const unfinished = endedMs === undefined || this.#engine.nowMs - endedMs < TOLD_LATE_MS
      if (id !== beside && unfinished && specs.some((spec) => tenantOf(spec) === tenant)) count++
    }
    return count
  }
}

const tenantOf = ({ tenant = DEFAULT_TENANT }: TaskSpec): string => tenant

/** Whether an amount is beyond a quota, of what the quota names. */
const exceeds = (quota: Resources, amount: Resources): boolean => !fits(amount, { ...amount, ...quota })
