/** The virtual brokers against the table of behaviours; `test/broker-conformance.test.ts` holds real ones to it. */
import { describe, expect, it } from 'vitest'
import { VARIANTS, type VariantName } from '../broker/variants.ts'
import { BEHAVIOURS } from './behaviours.ts'
import { virtualBed } from './virtual-bed.ts'

const SEEDS = ['a', 'b', 'c']

describe.each(Object.keys(VARIANTS) as VariantName[])('the virtual broker as %s', (variant) => {
  it.each(BEHAVIOURS)('$what', async ({ run }) => {
    for (const seed of SEEDS) {
      const { seen, expected } = await run(virtualBed(VARIANTS[variant], seed))
      expect(seen, `with seed ${seed}`).toEqual(expected)
    }
  })
})
