/**
 * Runs a scenario in real time: a real broker, the real agents with real connections, journals and processes, and
 * real faults. Its figures come from an onlooker with a connection of its own, by the code that measures simulated
 * runs. However it ends, nothing of it is left: a caretaker sees to that even when this process is killed.
 */
import { mkdirSync, mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Caretaker } from '../../client/caretaker.ts'
import { parseResources } from '../../shared/model/resources.ts'
import { Topics } from '../../shared/protocol/topics.ts'
import { Random } from '../../shared/random/random.ts'
import { Violations } from '../checkers/checker.ts'
import { OnceChecker } from '../checkers/i2-once.ts'
import type { Fault } from '../faults/plan.ts'
import type { SimReport } from '../report/model.ts'
import type { Calibration } from '../scenario/calibration.ts'
import { faultPlan } from '../scenario/fault-plan.ts'
import { fleetOf } from '../scenario/fleet.ts'
import { Metrics } from '../scenario/metrics.ts'
import type { Progress } from '../scenario/run.ts'
import { makeReport } from '../scenario/run-report.ts'
import { Sampler } from '../scenario/sampler.ts'
import { configOf, deviceCount, type Scenario } from '../scenario/scenario.ts'
import type { LiveBrokerName } from './feasible.ts'
import { inTime } from './in-time.ts'
import { LiveBroker } from './live-broker.ts'
import { LiveInjector, type Victims } from './live-injector.ts'
import { LiveSubmitter } from './live-submitter.ts'
import { LiveWork } from './live-work.ts'
import { Measurement } from './measurement.ts'
import { Onlooker } from './onlooker.ts'
import { Starts } from './starts.ts'
import { Swarm } from './swarm.ts'
import { Timetable } from './timetable.ts'

export interface LiveOptions {
  readonly seed: string
  /** What runs the same scenario again, for the report. */
  readonly command: string
  readonly broker: LiveBrokerName
  readonly env: Readonly<Record<string, string | undefined>>
  /** Ends the run early; the report is then of the part that ran. */
  readonly signal: AbortSignal
  readonly progress?: (progress: Progress) => void
  /** Asks for what the run has measured of the machine in the second half of its duration. */
  readonly calibrated?: (calibration: Calibration) => void
}

const MESH = 'live'
const LOOK_EVERY_MS = 100
const PROBE_EVERY_MS = 100
const DEFAULT_START_MS = 1_000
const DEFAULT_KEEP_ALIVE_MS = 5_000
/** How long a service manager waits before it starts an agent again that ended by itself. */
const RESTART_MS = 1_000
/** Without a beacon for so many intervals there is no coordinator. */
const BEACON_INTERVALS_MAX = 10
const DEFAULT_INTERVAL_MS = 1_000

/**
 * Runs a scenario that has passed `checkFeasible`.
 *
 * @throws CoveyError E_START when a process of the run ends that nobody asked to
 */
export async function runLive(scenario: Scenario, options: LiveOptions): Promise<SimReport> {
  const run = new LiveRun(scenario, options)
  try {
    await run.open()
    return await run.run()
  } finally {
    await run.close()
  }
}

class LiveRun {
  readonly #scenario: Scenario
  readonly #options: LiveOptions
  readonly #root: string
  readonly #caretaker: Caretaker
  readonly #broker: LiveBroker
  readonly #swarm: Swarm
  readonly #topics = new Topics(MESH)
  /** Replaced when the run begins; until then its clock only has to be there. */
  #timetable = new Timetable()
  readonly #violations: Violations
  readonly #once: OnceChecker
  readonly #metrics: Metrics
  readonly #sampler: Sampler
  readonly #plan: readonly Fault[]
  readonly #starts = new Starts()
  #submitters: LiveSubmitter[] = []
  #onlooker: Onlooker | undefined
  #injector: LiveInjector | undefined
  #work: LiveWork | undefined
  #failure: Error | undefined
  #measured: Promise<void> = Promise.resolve()

  constructor(scenario: Scenario, options: LiveOptions) {
    this.#scenario = scenario
    this.#options = options
    this.#root = realpathSync(mkdtempSync(join(tmpdir(), 'covey-live-')))
    mkdirSync(join(this.#root, 'agents'))
    this.#caretaker = new Caretaker(this.#root, this.#env())
    const watch = (pid: number, gone: boolean): void =>
      gone ? this.#caretaker.forget(pid) : this.#caretaker.watch(pid)
    const { broker: name } = options
    const failed = this.#failed
    const killed = scenario.faults.some(({ kind }) => kind === 'broker-restart')
    this.#broker = new LiveBroker({ name, folder: this.#root, env: this.#env(), killed, watch, failed })
    const clock = this.#clock()
    this.#violations = new Violations(clock)
    this.#once = new OnceChecker(this.#violations)
    this.#metrics = new Metrics(clock)
    this.#swarm = new Swarm({
      watch,
      failed,
      gone: (device, start, code) => this.#onGone(device, start, code),
      process: (cpuMilli, running) => this.#metrics.process(cpuMilli, running),
      finished: (attempt, succeeded) => this.#metrics.finished(attempt, succeeded),
      left: (reason) => this.#metrics.departures.left(reason),
    })
    const { devices } = fleetOf(scenario.fleet, MESH)
    const cpuMilli = devices.reduce((sum, { capacity }) => sum + (parseResources(capacity)['cpu'] ?? 0), 0)
    this.#sampler = new Sampler(this.#metrics, scenario.durationMs, cpuMilli)
    this.#plan = faultPlan(scenario, options.seed)
  }

  /** Starts everything but the devices. @throws the signal's reason when that is aborted meanwhile */
  async open(): Promise<void> {
    const { signal } = this.#options
    await this.#broker.start()
    const { url } = this.#broker
    const context = { mesh: MESH, metrics: this.#metrics, once: this.#once }
    this.#onlooker = await Onlooker.open(url, context, signal)
    for (let n = 0; n < this.#scenario.submitters; n++) {
      this.#submitters.push(await LiveSubmitter.open(url, `s${n}`, signal))
    }
    const config = configOf(this.#scenario)
    if (config !== undefined) this.#submitters[0]?.publish(this.#topics.of('config'), config)
    const { devices, profile } = fleetOf(this.#scenario.fleet, MESH)
    const { timing } = this.#scenario
    const opened = this.#swarm.open({
      brokerUrl: url,
      seed: this.#options.seed,
      folder: join(this.#root, 'agents'),
      env: this.#env(),
      devices: devices.map((agent) => {
        const { keepAliveMs = DEFAULT_KEEP_ALIVE_MS } = profile(agent.device)
        return { agent: { ...agent, timing }, keepaliveSeconds: Math.max(1, Math.round(keepAliveMs / 1000)) }
      }),
    })
    await inTime(opened, 'the hosts of the devices', signal)
  }

  async run(): Promise<SimReport> {
    const startedMs = performance.now()
    const scenario = this.#scenario
    const { seed } = this.#options
    this.#timetable = new Timetable()
    const timetable = this.#timetable
    this.#startDevices()
    this.#injector = new LiveInjector(timetable, this.#victims(), this.#plan)
    this.#work = new LiveWork(scenario, seed, {
      topics: this.#topics,
      timetable,
      submitters: this.#submitters,
      receipt: (task) => {
        this.#metrics.receipt()
        this.#once.receipt(task)
      },
    })
    timetable.every(this.#sampler.intervalMs, () =>
      this.#sampler.look(timetable.nowMs, this.#onlooker?.devicesUp ?? 0),
    )
    if (this.#options.calibrated !== undefined) this.#measure(scenario)
    const whole =
      (await this.#until(scenario.durationMs, () => false)) && (await this.#settle(scenario.settleMs))
    if (whole) this.#conclude()
    await this.#measured
    return this.#report(!whole, performance.now() - startedMs)
  }

  #measure({ name, durationMs, fleet }: Scenario): void {
    const timetable = this.#timetable
    const { broker, calibrated } = this.#options
    const onlooker = this.#onlooker as Onlooker
    const measurement = new Measurement(this.#swarm, onlooker, this.#broker.pid)
    timetable.at(durationMs / 2, () => {
      measurement.begin().catch(this.#failed)
      timetable.every(PROBE_EVERY_MS, () => onlooker.probe())
    })
    timetable.at(durationMs - PROBE_EVERY_MS, () => {
      const head = { scenario: name, broker, devices: deviceCount(fleet) }
      this.#measured = measurement.end(head).then((calibration) => calibrated?.(calibration), this.#failed)
    })
  }

  /** Ends all that was started; what resists is left to the caretaker. */
  async close(): Promise<void> {
    this.#timetable.close()
    await this.#swarm.end()
    await Promise.allSettled([...this.#submitters, this.#onlooker].map((client) => client?.close()))
    await this.#broker.stop()
    await this.#caretaker.cleanUp()
  }

  readonly #failed = (error: Error): void => {
    this.#failure ??= error
  }

  #clock(): { readonly nowMs: number; note(): void } {
    const now = (): number => this.#timetable.nowMs
    return {
      get nowMs() {
        return now()
      },
      note: () => undefined,
    }
  }

  /** Neither variables nor config files of the user reach the processes of the run. */
  #env(): Record<string, string | undefined> {
    const kept = Object.entries(this.#options.env).filter(([name]) => !name.startsWith('COVEY_'))
    return { ...Object.fromEntries(kept), XDG_CONFIG_HOME: this.#root, XDG_DATA_HOME: this.#root }
  }

  #startDevices(): void {
    const { fleet } = this.#scenario
    const { devices, profile } = fleetOf(fleet, MESH)
    const random = new Random(this.#options.seed).fork('live/start')
    for (const { device } of devices) {
      const { startWithinMs = DEFAULT_START_MS } = profile(device)
      this.#timetable.at(random.between(0, startWithinMs), () => {
        if (this.#injector?.keepsDown(device) !== true) this.#start(device)
      })
    }
  }

  #start(device: string): void {
    const start = this.#starts.start(device)
    if (start !== undefined) this.#swarm.start(device, start)
  }

  #victims(): Victims {
    return {
      coordinator: () => this.#onlooker?.coordinator,
      start: (device: string) => this.#start(device),
      crash: (device: string) => this.#down('crash', device),
      leave: (device: string) => this.#down('leave', device),
      killBroker: () => void this.#broker.kill(),
      startBroker: () => {
        this.#broker.start().catch(this.#failed)
      },
      pauseBroker: () => this.#broker.pause(),
      resumeBroker: () => this.#broker.resume(),
    }
  }

  #down(how: 'crash' | 'leave', device: string): void {
    this.#starts.down(device)
    this.#swarm.tell(how, device)
    if (how === 'crash') this.#metrics.gone(device)
  }

  #onGone(device: string, start: number, code: number): void {
    if (!this.#starts.ended(device, start)) {
      if (code === 0) this.#metrics.gone(device)
      return
    }
    this.#violations.add('exit', `the agent of ${device}`, 'an agent that goes on', `exit code ${code}`)
    this.#timetable.at(this.#timetable.nowMs + RESTART_MS, () => this.#start(device))
  }

  /** Waits until a moment, or until the condition holds. False when it was interrupted. */
  async #until(timeMs: number, condition: () => boolean): Promise<boolean> {
    const { signal, progress } = this.#options
    while (this.#timetable.nowMs < timeMs && !condition()) {
      if (signal.aborted) return false
      if (this.#failure !== undefined) throw this.#failure
      progress?.(this.#progress())
      const leftMs = Math.max(1, Math.min(LOOK_EVERY_MS, timeMs - this.#timetable.nowMs))
      await new Promise((resolve) => setTimeout(resolve, leftMs))
    }
    return !signal.aborted
  }

  /** Ends all faults and waits until every task has ended. */
  async #settle(settleMs: number): Promise<boolean> {
    this.#injector?.heal()
    this.#work?.release()
    return await this.#until(
      this.#timetable.nowMs + settleMs,
      () => this.#submitters.every(({ idle }) => idle) && this.#once.openCount === 0,
    )
  }

  #conclude(): void {
    this.#once.finish()
    const { intervalMs = DEFAULT_INTERVAL_MS } = this.#scenario.timing
    const silentMs = performance.now() - (this.#onlooker?.beaconMs ?? 0)
    if (silentMs <= BEACON_INTERVALS_MAX * intervalMs) return
    this.#violations.add('I6', 'the mesh', 'a coordinator', `no beacon for ${Math.round(silentMs)} ms`)
  }

  #report(partial: boolean, tookMs: number): SimReport {
    const open = this.#once.open()
    const facts = {
      seed: this.#options.seed,
      command: this.#options.command,
      broker: this.#options.broker,
      mode: 'live',
      nowMs: this.#timetable.nowMs,
      tookMs,
      partial,
      submitted: this.#work?.submitted ?? 0,
      unfinished: open.length,
      lost: open.filter((task) => this.#onlooker?.holdsSpec(task) !== true).length,
      faults: this.#injector?.begun ?? 0,
      messages: this.#onlooker?.messages ?? 0,
    } as const
    return makeReport(facts, {
      scenario: this.#scenario,
      metrics: this.#metrics,
      sampler: this.#sampler,
      plan: this.#plan,
      violations: this.#violations,
    })
  }

  #progress(): Progress {
    return {
      nowMs: this.#timetable.nowMs,
      durationMs: this.#scenario.durationMs,
      devicesUp: this.#onlooker?.devicesUp ?? 0,
      submitted: this.#work?.submitted ?? 0,
      ended: Object.values(this.#metrics.ended).reduce((sum, count) => sum + count, 0),
      violations: this.#violations.count,
    }
  }
}
