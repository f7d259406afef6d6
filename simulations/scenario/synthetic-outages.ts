/**
 * A made-up record of outages in the form of published ones: single failures with long-tailed repairs, and now and then
 * an event that takes many machines at once. It resembles no particular machine.
 */
import { Random } from '../../shared/random/random.ts'

const SYSTEM = 1
const NODES = 49
const DAYS = 60
const MINUTES = DAYS * 24 * 60
const FIRST_MINUTE = 500_000
const GAP_MINUTES_MEAN = 900
/** Repairs take an hour or two, and some take days. */
const REPAIR_MINUTES_MEDIAN = 80
const REPAIR_SPREAD = 1.3
const REPAIR_MINUTES_MAX = 6 * 24 * 60
const CAUSES = ['hardware', 'software', 'network', 'power'] as const
const WIDE_SHARE = 0.08

/** The text of the record; always the same. */
export function syntheticOutages(): string {
  const random = new Random('synthetic outages')
  const lines = ['system,node,start_min_since_1996,end_min_since_1996,cause']
  for (let minute = random.exponential(GAP_MINUTES_MEAN); minute < MINUTES; ) {
    const wide = random.chance(WIDE_SHARE)
    const nodes = random
      .shuffle(Array.from({ length: NODES }, (_, n) => n))
      .slice(0, wide ? 4 + random.below(20) : 1)
    const cause = wide ? 'power' : random.pick(CAUSES)
    for (const node of nodes.sort((a, b) => a - b)) {
      const start = FIRST_MINUTE + Math.floor(minute)
      lines.push(`${SYSTEM},${node},${start},${start + repairMinutes(random)},${cause}`)
    }
    minute += random.exponential(GAP_MINUTES_MEAN)
  }
  return `${lines.join('\n')}\n`
}

function repairMinutes(random: Random): number {
  const normal = Math.sqrt(2 * random.exponential(1)) * Math.cos(2 * Math.PI * random.float())
  const minutes = REPAIR_MINUTES_MEDIAN * Math.exp(REPAIR_SPREAD * normal)
  return Math.max(1, Math.min(REPAIR_MINUTES_MAX, Math.round(minutes)))
}
