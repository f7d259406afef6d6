import { describe, expect, it, onTestFinished } from 'vitest'
import { Agent } from '../../agent/core/agent.ts'
import { describeViolation } from '../checkers/checker.ts'
import { runFuzzCase } from '../fuzz.ts'
import type { CoreFactory } from '../node/node.ts'
import { altered } from './altered.ts'
import { ALTERED_BUGS } from './altered-bugs.ts'
import { AUCTION_BUGS } from './auction-bugs.ts'
import { type Bug, type CaseOptions, PLAIN } from './bug.ts'
import { CHECKPOINT_BUGS } from './checkpoint-bugs.ts'
import { GPU_BUGS } from './gpu-bugs.ts'
import { LOAD_BUGS } from './load-bugs.ts'
import { OFFICE_BUGS } from './office-bugs.ts'
import { ORDER_BUGS } from './order-bugs.ts'
import { patched, plant } from './patch.ts'
import { PATCHED_BUGS } from './patched-bugs.ts'
import { PREEMPTION_BUGS } from './preemption-bugs.ts'
import { RELATION_BUGS } from './relation-bugs.ts'
import { TENANT_BUGS } from './tenant-bugs.ts'

const BUGS = [
  ...PATCHED_BUGS,
  ...OFFICE_BUGS,
  ...ALTERED_BUGS,
  ...ORDER_BUGS,
  ...LOAD_BUGS,
  ...PREEMPTION_BUGS,
  ...CHECKPOINT_BUGS,
  ...GPU_BUGS,
  ...AUCTION_BUGS,
  ...TENANT_BUGS,
  ...RELATION_BUGS,
]
const SEEDS = Array.from({ length: 16 }, (_, n) => `planted-${n}`)
const honest: CoreFactory = (options) => new Agent(options)

const caseOf = (bug: Bug): CaseOptions => ({ ...PLAIN, ...bug.with })

async function coreOf({ planted }: Bug): Promise<CoreFactory> {
  if ('core' in planted) return planted.core
  const { core, remove } = await plant(planted.patches)
  onTestFinished(remove)
  return core
}

/** What the checkers say of an honest mesh; asked once for each case. */
const clean = new Map<string, readonly string[]>()
function saidOfHonest(seed: string, options: CaseOptions): readonly string[] {
  const key = JSON.stringify([seed, options])
  let said = clean.get(key)
  if (said === undefined) {
    said = runFuzzCase(seed, { ...options, core: honest }).violations.map(describeViolation)
    clean.set(key, said)
  }
  return said
}

describe('the checkers find a mesh that', () => {
  it.each(BUGS)('$what ($breaks)', async (bug) => {
    const core = await coreOf(bug)
    const options = caseOf(bug)
    const found: string[][] = []
    for (const seed of SEEDS) {
      // The bug alone makes the difference: the same case is clean without it.
      expect(saidOfHonest(seed, options), `an honest mesh with seed ${seed}`).toEqual([])
      const { violations } = runFuzzCase(seed, { ...options, core })
      found.push(violations.map(({ invariant }) => invariant))
      if (found.at(-1)?.includes(bug.breaks) === true) return
    }
    expect.fail(`${bug.breaks} was found with none of ${SEEDS.length} seeds, but ${JSON.stringify(found)}`)
  })

  it.each(['I1', 'I2', 'I3', 'I4', 'I5', 'I6', 'I7', 'I9', 'wire', 'tenants', 'relations'])(
    'breaks %s in at least two ways',
    (invariant) => {
      expect(BUGS.filter(({ breaks }) => breaks === invariant).length).toBeGreaterThanOrEqual(2)
    },
  )
})

describe('the same seed gives the same run (I8)', () => {
  const hashes = (core: CoreFactory): string[] =>
    [1, 2].map(() => runFuzzCase('twice', { ...PLAIN, core }).hash)

  it.each(['covey', 'aedes', 'mosquitto', 'nats', 'nats-cluster'] as const)('on %s', (variant) => {
    const options = { ...PLAIN, variant, core: honest }
    const [first, second] = [runFuzzCase('twice', options), runFuzzCase('twice', options)]
    expect(second).toEqual(first)
  })

  it('also where GPUs are shared, and given by what was asked for lately', () => {
    const options = { ...PLAIN, gpuShare: 0.9, core: honest }
    expect(runFuzzCase('gpus', options)).toEqual(runFuzzCase('gpus', options))
  })

  it('also when the core is a copy, so that what a planted bug changes is due to the bug', async () => {
    const { core, remove } = await plant([])
    onTestFinished(remove)
    expect(hashes(core)).toEqual(hashes(honest))
  })

  it('and does not when a core throws dice, reads a clock, or remembers a former run', () => {
    const delayed = (delayMs: () => number): CoreFactory =>
      altered(() => ({
        effect: (effect) => [
          effect.do === 'timer' ? { ...effect, delayMs: effect.delayMs + delayMs() } : effect,
        ],
      }))
    let steps = 0
    const hidden: [string, () => number][] = [
      ['dice', () => Math.random()],
      ['a clock', () => performance.now() % 1],
      ['a former run', () => ++steps / 1_000_000],
    ]
    for (const [what, delayMs] of hidden) {
      const [first, second] = hashes(delayed(delayMs))
      expect(second, what).not.toBe(first)
    }
  })
})

describe('a patch', () => {
  const patch = { file: 'core/agent.ts', find: 'a + b', put: '$& - $1' }

  it('replaces what it names, as it is written', () => {
    expect(patched('return a + b', patch)).toBe('return $& - $1')
  })

  it.each(['return a - b', 'a + b + a + b'])('does not fit %s, and says so', (text) => {
    expect(() => patched(text, patch)).toThrow(/plant a bug in agent\/core\/agent.ts: found [02] times/)
  })

  it('that does not fit the sources fails before anything runs', async () => {
    await expect(plant([patch])).rejects.toThrow('found 0 times instead of once: a + b')
  })
})
