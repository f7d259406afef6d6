import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PublishLines } from './publish-line.ts'

test('who needs not wait passes at once, unless someone of the same client waits', () => {
  const lines = new PublishLines()
  const log: string[] = []
  lines.pass('x', () => log.push('x1'))
  const ready = lines.wait('x', () => log.push('x2'))
  lines.pass('x', () => log.push('x3'))
  lines.pass('y', () => log.push('y1'))
  expect(log).toEqual(['x1', 'y1'])
  expect(lines.waiting('x')).toBe(2)
  ready()
  expect(log).toEqual(['x1', 'y1', 'x2', 'x3'])
  expect(lines.waiting('x')).toBe(0)
})

test('who joins during a release comes after those who stood there', () => {
  const lines = new PublishLines()
  const log: string[] = []
  const ready = lines.wait('x', () => {
    log.push('1')
    lines.pass('x', () => log.push('3'))
  })
  lines.pass('x', () => log.push('2'))
  ready()
  expect(log).toEqual(['1', '2', '3'])
})

test('in whatever order commits end, each client’s publishes come out in theirs', () => {
  const arrival = fc.record({ client: fc.constantFrom('a', 'b', 'c'), waits: fc.boolean(), rank: fc.nat() })
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 40 }), (arrivals) => {
      const lines = new PublishLines()
      const out: Record<string, number[]> = { a: [], b: [], c: [] }
      const pending: { rank: number; ready: () => void }[] = []
      for (const [i, { client, waits, rank }] of arrivals.entries()) {
        const release = (): unknown => out[client]?.push(i)
        if (waits) pending.push({ rank, ready: lines.wait(client, release) })
        else lines.pass(client, release)
      }
      for (const { ready } of pending.sort((one, other) => one.rank - other.rank)) ready()
      for (const client of ['a', 'b', 'c']) {
        const expected = arrivals.flatMap((arrival, i) => (arrival.client === client ? [i] : []))
        expect(out[client]).toEqual(expected)
        expect(lines.waiting(client)).toBe(0)
      }
    }),
  )
})
