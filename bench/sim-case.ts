/**
 * One simulated run, measured in a process of its own so that its peak memory is its own:
 *
 *   node dist/bench/sim-case.js '{"name":"…","seed":"…","devices":1000,…}'
 *
 * The result is one line of JSON.
 */
import { Agent } from '../agent/core/agent.ts'
import { Random } from '../shared/random/random.ts'
import { VARIANTS } from '../simulations/broker/variants.ts'
import { Injector } from '../simulations/faults/injector.ts'
import { drawPlan, type FaultKind } from '../simulations/faults/plan.ts'
import type { Action } from '../simulations/submitter.ts'
import { drawFleet, drawWorkload } from '../simulations/workload.ts'
import { World } from '../simulations/world.ts'
import { Ends, Feeder } from './feeder.ts'

export interface SimCase {
  readonly name: string
  readonly seed: string
  readonly devices: number
  readonly tasks: number
  readonly faults: number
  /** Agents start within this time. */
  readonly startMs: number
  /** Measured after the start, tasks and faults included. */
  readonly simulatedMs: number
}

export interface SimResult {
  readonly case: SimCase
  readonly startCpuMs: number
  /** CPU of the measured time. */
  readonly cpuMs: number
  /** CPU from then until the last task had ended. */
  readonly drainCpuMs: number
  readonly wallMs: number
  readonly virtualMs: number
  readonly events: number
  readonly delivered: number
  readonly ended: number
  readonly ends: Readonly<Record<string, number>>
  readonly peakRssMb: number
  readonly hash: string
}

const MESH = 'bench'
const RUN_MS_MEAN = 2_000
const FAULT_MS_MEAN = 8_000
const FAULT_MS_MAX = 60_000
/** The last tasks may take this much longer. */
const DRAIN_MS_MAX = 600_000
/** What is rare in a fleet of this size, or ends what is measured. */
const EXTRAORDINARY: readonly FaultKind[] = ['broker-wipe', 'mass-departure']
/** The rest of the time is for what the last tasks' submitters still do. */
const SUBMITTED_SHARE = 0.95

const cpuMs = (since: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

/** Long runs say how far they are. */
const tell = (what: string, spentMs: number): void => {
  const rssMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
  process.stderr.write(`${what}, ${(spentMs / 1000).toFixed(1)} s of CPU, ${rssMb} MiB now\n`)
}

/** A spec that is cleared, or overwritten by what is no spec, may be gone before anybody has seen it. */
const isReceipted = (action: Action): boolean => action.do === 'submit' || action.do === 'withdraw'

/** Runs a case in this process. */
export function runSimCase(simCase: SimCase): SimResult {
  const { seed, devices, tasks, faults, startMs, simulatedMs } = simCase
  const wallStartMs = performance.now()
  const begin = process.cpuUsage()
  const random = new Random(`bench/${seed}`)
  const fleet = drawFleet(random.fork('fleet'), { mesh: MESH, devices })
  const ends = new Ends()
  const world = new World({
    seed,
    mesh: MESH,
    variant: VARIANTS.covey,
    core: (options) => new Agent(options),
    devices: fleet,
    actions: [],
    startWithinMs: startMs,
    observe: () => [ends],
    freeze: false,
  })
  world.runFor(startMs)
  const startCpuMs = cpuMs(begin)
  tell(`${simCase.name}: started`, startCpuMs)
  const started = process.cpuUsage()
  const [actions = []] = drawWorkload(random.fork('workload'), {
    tasks,
    overMs: simulatedMs * SUBMITTED_SHARE,
    submitters: 1,
    runMsMean: RUN_MS_MEAN,
  })
  const feeder = new Feeder(world, actions.filter(isReceipted))
  const plan = drawPlan(random.fork('plan'), {
    faults,
    overMs: simulatedMs,
    durationMsMean: FAULT_MS_MEAN,
    durationMsMax: FAULT_MS_MAX,
    devices: fleet.map(({ device }) => device),
    without: EXTRAORDINARY,
  })
  const injector = new Injector(world, plan)
  world.runFor(simulatedMs)
  const measuredCpuMs = cpuMs(started)
  tell(`${simCase.name}: ${simulatedMs / 1000} s simulated`, measuredCpuMs)
  const drained = process.cpuUsage()
  injector.heal()
  world.runUntil(() => feeder.done && ends.count >= tasks, DRAIN_MS_MAX, 1_000)
  return {
    case: simCase,
    startCpuMs,
    cpuMs: measuredCpuMs,
    drainCpuMs: cpuMs(drained),
    wallMs: performance.now() - wallStartMs,
    virtualMs: world.engine.nowMs,
    events: world.engine.events,
    delivered: world.broker.delivered,
    ended: ends.count,
    ends: ends.byState,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
    hash: world.engine.hash.text(),
  }
}

const text = process.argv[2]
if (text === undefined) throw new RangeError('the case is missing: one argument of JSON')
process.stdout.write(`${JSON.stringify(runSimCase(JSON.parse(text) as SimCase))}\n`)
