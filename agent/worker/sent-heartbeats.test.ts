import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SENT_MAX, SentHeartbeats } from './sent-heartbeats.ts'

describe('sent heartbeats', () => {
  it('knows of the same as a list of the last ones does', () => {
    const action = fc.oneof(
      { weight: 20, arbitrary: fc.constant({ do: 'add' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'clear' as const }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('hear' as const), back: fc.nat(SENT_MAX + 40) }) },
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 1_000, size: 'max' }), (actions) => {
        const sent = new SentHeartbeats()
        let list: { seq: number; monoMs: number; wallMs: number }[] = []
        let seq = 0
        for (const [n, one] of actions.entries()) {
          if (one.do === 'add') {
            const at = { monoMs: n + 0.5, wallMs: 1e12 + n }
            sent.add(++seq, at)
            list = [...list, { seq, ...at }].slice(-SENT_MAX)
          } else if (one.do === 'clear') {
            sent.clear()
            list = []
          } else {
            const heard = seq - one.back
            const known = list.find((heartbeat) => heartbeat.seq === heard)
            expect(sent.at(heard)).toEqual(known && { monoMs: known.monoMs, wallMs: known.wallMs })
            if (known === undefined) continue
            sent.forgetUpTo(heard)
            list = list.filter((heartbeat) => heartbeat.seq > heard)
          }
        }
        for (let back = 0; back <= SENT_MAX + 1; back++) {
          const known = list.find((heartbeat) => heartbeat.seq === seq - back)
          expect(sent.at(seq - back)).toEqual(known && { monoMs: known.monoMs, wallMs: known.wallMs })
        }
      }),
      { numRuns: 50 },
    )
  })
})
