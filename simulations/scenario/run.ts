/**
 * Runs a scenario in virtual time and makes its report. While it lasts tasks come and things fail; then everything is
 * healed, and what has not ended must end within the settle time. All checkers watch from the first event to the last.
 */
import { setImmediate } from 'node:timers/promises'
import { Agent } from '../../agent/core/agent.ts'
import { VARIANTS } from '../broker/variants.ts'
import { AuctionChecker } from '../checkers/auction-rules.ts'
import { type Checker, Violations } from '../checkers/checker.ts'
import { FencingChecker } from '../checkers/i1-fencing.ts'
import { OnceChecker } from '../checkers/i2-once.ts'
import { ExclusiveChecker } from '../checkers/i3-exclusive.ts'
import { CapacityChecker } from '../checkers/i4-capacity.ts'
import { OrderChecker } from '../checkers/i5-order.ts'
import { demandLiveness } from '../checkers/i6-liveness.ts'
import { CurrentChecker } from '../checkers/i7-current.ts'
import { BoundsChecker } from '../checkers/i9-bounds.ts'
import { LoadChecker } from '../checkers/load-rules.ts'
import { OfficeChecker } from '../checkers/office-rules.ts'
import { PreemptionChecker } from '../checkers/preemption-rules.ts'
import { WireChecker } from '../checkers/wire-rules.ts'
import type { Engine } from '../engine/engine.ts'
import type { Target } from '../engine/queue.ts'
import type { Trace } from '../engine/trace.ts'
import { Injector } from '../faults/injector.ts'
import type { Fault } from '../faults/plan.ts'
import type { CoreFactory, SimNode } from '../node/node.ts'
import type { Observer } from '../observer.ts'
import { Recorder } from '../recorder.ts'
import type { SimReport } from '../report/model.ts'
import type { Action } from '../submitter.ts'
import { type Machine, World } from '../world.ts'
import { Arrivals } from './arrivals.ts'
import { expectedTasks } from './check.ts'
import { faultPlan } from './fault-plan.ts'
import { fleetOf } from './fleet.ts'
import { cpuMilliOf, Metrics } from './metrics.ts'
import { MetricsObserver } from './metrics-observer.ts'
import { Operator } from './operator.ts'
import { makeReport } from './run-report.ts'
import { Sampler } from './sampler.ts'
import { configOf, type Scenario } from './scenario.ts'

export interface Progress {
  /** Of the run's own time, virtual or real. */
  readonly nowMs: number
  readonly durationMs: number
  readonly devicesUp: number
  readonly submitted: number
  readonly ended: number
  readonly violations: number
}

export interface RunOptions {
  readonly seed: string
  /** What runs the same again, for the report. */
  readonly command: string
  /** Makes the agents' cores; the real ones unless a test wants others. */
  readonly core?: CoreFactory
  /** Ends the run early; the report is then of the part that ran. */
  readonly signal?: AbortSignal
  /** Told some times a second. */
  readonly progress?: (progress: Progress) => void
  readonly trace?: Trace
  /** The machine that it runs on, where that takes time; see calibration.ts. */
  readonly machine?: Machine
}

const MESH = 'sim'
/** Events are carried out in slices of so much virtual time; between them the run can be interrupted. */
const SLICE_MS = 200
const BREATH_MS = 100
/** From the end of all faults until a coordinator is in office: what the fuzzer demands too. */
const COORDINATOR_MS = 60_000
/** Until specs are cleared once every task has ended. */
const CLEARED_MS = 60_000

/** Runs a scenario. What a core does wrong is a violation in the report; nothing of it is thrown. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<SimReport> {
  const startedMs = performance.now()
  const run = new ScenarioRun(scenario, options)
  const whole = await run.until(scenario.durationMs)
  if (whole && (await run.settle())) run.conclude()
  return run.report(performance.now() - startedMs)
}

/** What an operator sets before anything else happens. */
function settingsOf(scenario: Scenario): Action[] {
  const config = configOf(scenario)
  return config === undefined ? [] : [{ atMs: 0, do: 'configure', config }]
}

class ScenarioRun {
  readonly #scenario: Scenario
  readonly #options: RunOptions
  readonly #world: World
  readonly #plan: readonly Fault[]
  readonly #injector: Injector
  readonly #operator: Operator
  readonly #arrivals: Arrivals
  readonly #sampler: Sampler
  #violations!: Violations
  #once!: OnceChecker
  #metrics!: Metrics
  #checkers: readonly Checker[] = []
  #partial = true
  #breathedMs = performance.now()

  constructor(scenario: Scenario, options: RunOptions) {
    const { seed, trace, machine } = options
    this.#scenario = scenario
    this.#options = options
    this.#plan = faultPlan(scenario, seed)
    const { devices, profile } = fleetOf(scenario.fleet, MESH, machine?.latency)
    this.#world = new World({
      // Fuzzing and the cores' own simulations look for cores that change what they have sent; here speed counts.
      freeze: false,
      seed,
      mesh: MESH,
      variant: VARIANTS[scenario.variant],
      core: options.core ?? ((agent) => new Agent(agent)),
      devices,
      profile,
      actions: Array.from({ length: scenario.submitters }, (_, n) => (n === 0 ? settingsOf(scenario) : [])),
      timing: scenario.timing,
      observe: (engine) => this.#watch(engine),
      ...(trace === undefined ? {} : { trace }),
      ...(machine === undefined ? {} : { machine }),
    })
    this.#injector = new Injector(this.#world, this.#plan)
    this.#operator = new Operator(this.#world, scenario, seed)
    this.#arrivals = new Arrivals(this.#world, scenario)
    const cpuMilli = devices.reduce((sum, { capacity }) => sum + cpuMilliOf(capacity), 0)
    this.#sampler = new Sampler(this.#metrics, scenario.durationMs, cpuMilli)
    new Sampling(this.#world, this.#sampler)
  }

  #watch(engine: Engine): readonly Observer[] {
    this.#violations = new Violations(engine)
    this.#once = new OnceChecker(this.#violations)
    this.#metrics = new Metrics(engine)
    this.#checkers = [
      new FencingChecker(this.#violations),
      this.#once,
      new ExclusiveChecker(this.#violations, engine),
      new CapacityChecker(this.#violations),
      new OrderChecker(this.#violations),
      new CurrentChecker(this.#violations),
      new BoundsChecker(this.#violations, expectedTasks(this.#scenario), () => this.#world),
      new WireChecker(this.#violations),
      new OfficeChecker(this.#violations),
      new LoadChecker(this.#violations),
      new PreemptionChecker(this.#violations),
      new AuctionChecker(this.#violations),
    ]
    const { trace } = this.#options
    return [
      ...this.#checkers,
      new MetricsObserver(this.#metrics),
      ...(trace === undefined ? [] : [new Recorder(trace, engine)]),
    ]
  }

  /** Runs to a moment, or until the condition holds. False when it was interrupted. */
  async until(timeMs: number, condition: () => boolean = () => false): Promise<boolean> {
    const { engine } = this.#world
    const { signal, progress } = this.#options
    while (engine.nowMs < timeMs && !condition()) {
      engine.runUntil(Math.min(timeMs, engine.nowMs + SLICE_MS))
      if (performance.now() - this.#breathedMs < BREATH_MS) continue
      progress?.(this.#progress())
      await setImmediate()
      this.#breathedMs = performance.now()
      if (signal?.aborted === true) return false
    }
    return signal?.aborted !== true
  }

  /** Ends all faults and waits until every task has ended. False when it was interrupted. */
  async settle(): Promise<boolean> {
    this.#injector.heal()
    this.#operator.release()
    this.#world.engine.note('fault', 'all is healed')
    const untilMs = this.#world.engine.nowMs + this.#scenario.settleMs
    return await this.until(untilMs, () => this.#submittersIdle() && this.#once.openCount === 0)
  }

  /** Asks what can be asked only of a run that was given its whole time. */
  conclude(): void {
    demandLiveness(
      this.#world,
      this.#once,
      { coordinatorMs: COORDINATOR_MS, tasksMs: CLEARED_MS },
      this.#violations,
    )
    for (const checker of this.#checkers) checker.finish?.()
    this.#partial = false
  }

  report(tookMs: number): SimReport {
    const { broker, topics, engine } = this.#world
    const open = this.#once.open()
    const facts = {
      seed: this.#options.seed,
      command: this.#options.command,
      broker: this.#scenario.variant,
      mode: 'virtual',
      nowMs: engine.nowMs,
      tookMs,
      partial: this.#partial,
      hash: engine.hash.text(),
      submitted: this.#arrivals.submitted,
      unfinished: open.length,
      lost: open.filter((task) => broker.retained.get(topics.of('spec', task)) === undefined).length,
      faults: Object.values(this.#injector.begun).reduce((sum, count) => sum + count, 0),
      messages: broker.published,
    } as const
    return makeReport(facts, {
      scenario: this.#scenario,
      metrics: this.#metrics,
      sampler: this.#sampler,
      plan: this.#plan,
      violations: this.#violations,
    })
  }

  #submittersIdle(): boolean {
    return this.#world.submitters.every((submitter) => submitter.idle)
  }

  #progress(): Progress {
    return {
      nowMs: this.#world.engine.nowMs,
      durationMs: this.#scenario.durationMs,
      devicesUp: devicesUp(this.#world),
      submitted: this.#arrivals.submitted,
      ended: Object.values(this.#metrics.ended).reduce((sum, count) => sum + count, 0),
      violations: this.#violations.count,
    }
  }
}

/** Lets the sampler look at even intervals of virtual time. */
class Sampling implements Target {
  readonly serial: number
  readonly #world: World
  readonly #sampler: Sampler

  constructor(world: World, sampler: Sampler) {
    this.serial = world.engine.serial()
    this.#world = world
    this.#sampler = sampler
    world.engine.after(sampler.intervalMs, this, 0)
  }

  on(): void {
    const { engine } = this.#world
    this.#sampler.look(engine.nowMs, devicesUp(this.#world))
    engine.after(this.#sampler.intervalMs, this, 0)
  }
}

/** How many devices can be reached and do something now. */
function devicesUp(world: World): number {
  return world.nodes.reduce((sum, node) => sum + (isUp(node) ? 1 : 0), 0)
}

function isUp(node: SimNode): boolean {
  return node.running && !node.frozen && node.link.upBlocks === 0 && node.link.downBlocks === 0
}
