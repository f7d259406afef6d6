/** The fuzzer's speed: full-sized cases with all checkers, one after another. The result is one line of JSON. */
import { Agent } from '../agent/core/agent.ts'
import { FULL_CASE, runFuzzCase } from '../simulations/fuzz.ts'

export interface FuzzRate {
  readonly cases: number
  readonly cpuMs: number
  readonly events: number
  readonly virtualMs: number
  readonly violations: number
}

const { seed, cases } = JSON.parse(process.argv[2] ?? '{}') as { seed: string; cases: number }
const run = (name: string) => runFuzzCase(name, { ...FULL_CASE, core: (options) => new Agent(options) })
run(`${seed}-warm`)
const begin = process.cpuUsage()
let [events, virtualMs, violations] = [0, 0, 0]
for (let n = 0; n < cases; n++) {
  const { stats, violations: found } = run(`${seed}-${n}`)
  events += stats.events
  virtualMs += stats.virtualMs
  violations += found.length
}
const { user, system } = process.cpuUsage(begin)
const rate: FuzzRate = { cases, cpuMs: (user + system) / 1000, events, virtualMs, violations }
process.stdout.write(`${JSON.stringify(rate)}\n`)
