/** What placing on devices with parts is held to, on small fleets of all forms. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import { PartFleet, type PartPlace } from './part-fleet.ts'
import { PART_MILLI, type PartDemand, type PartDevice } from './parts.ts'

const amounts = (max: number) => fc.record({ cpu: fc.nat(max), memory: fc.nat(max) })
const devices = fc
  .array(
    fc.record({
      free: amounts(12),
      parts: fc.array(fc.constantFrom(PART_MILLI, PART_MILLI, 400, 0), { maxLength: 4 }),
      model: fc.constantFrom('a', 'b', undefined),
    }),
    { maxLength: 4 },
  )
  .map((all): PartDevice[] =>
    all.map(({ model, ...rest }, n) => ({ id: `d${n}`, ...rest, ...(model === undefined ? {} : { model }) })),
  )
const shares = fc.record({ parts: fc.constant(1), milli: fc.integer({ min: 1, max: PART_MILLI }) })
const wholes = fc.record({ parts: fc.nat(3), milli: fc.constant(PART_MILLI) })
const demands = fc.array(
  fc
    .record({ demand: amounts(5), ask: fc.oneof(shares, wholes), models: fc.option(fc.subarray(['a', 'b'])) })
    .map(
      ({ demand, ask, models }): PartDemand => ({ demand, ...ask, ...(models === null ? {} : { models }) }),
    ),
  { maxLength: 25 },
)

/** What is left, kept by the words of the problem alone. */
class Book {
  readonly left = new Map<
    string,
    { cpu: number; memory: number; parts: number[]; model: string | undefined }
  >()

  constructor(all: readonly PartDevice[]) {
    for (const { id, free, parts, model } of all) {
      this.left.set(id, { cpu: free['cpu'] ?? 0, memory: free['memory'] ?? 0, parts: [...parts], model })
    }
  }

  fits({ demand, parts, milli, models }: PartDemand): string[] {
    return [...this.left]
      .filter(
        ([, left]) =>
          (demand['cpu'] ?? 0) <= left.cpu &&
          (demand['memory'] ?? 0) <= left.memory &&
          left.parts.filter((free) => free >= milli).length >= parts &&
          (models === undefined || (left.model !== undefined && models.includes(left.model))),
      )
      .map(([id]) => id)
  }

  book({ demand, milli }: PartDemand, { device, parts }: PartPlace, sign: 1 | -1): void {
    const left = this.left.get(device)
    if (left === undefined) throw new Error(`${device} is none of the devices`)
    left.cpu -= sign * (demand['cpu'] ?? 0)
    left.memory -= sign * (demand['memory'] ?? 0)
    for (const n of parts) left.parts[n] = (left.parts[n] ?? Number.NaN) - sign * milli
  }
}

describe('a fleet of devices with parts', () => {
  it('places what fits somewhere, where it fits, and says of the rest whether it ever could', () => {
    fc.assert(
      fc.property(devices, demands, fc.string(), (all, asked, seed) => {
        const fleet = new PartFleet(all, new Random(seed))
        const book = new Book(all)
        for (const demand of asked) {
          const fitting = book.fits(demand)
          const answer = fleet.place(demand)
          if (typeof answer === 'string') {
            expect(fitting).toEqual([])
            expect(answer).toBe(new Book(all).fits(demand).length > 0 ? 'no-room' : 'too-large')
            continue
          }
          expect(fitting).toContain(answer.device)
          expect(new Set(answer.parts).size).toBe(demand.parts)
          book.book(demand, answer, 1)
          for (const { cpu, memory, parts } of book.left.values()) {
            expect(Math.min(cpu, memory, ...parts)).toBeGreaterThanOrEqual(0)
          }
        }
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  it('has the room again that was given back', () => {
    fc.assert(
      fc.property(devices, demands, fc.infiniteStream(fc.boolean()), (all, asked, ends) => {
        const fleet = new PartFleet(all, new Random('a'))
        const book = new Book(all)
        const placed: [PartDemand, PartPlace][] = []
        for (const demand of asked) {
          const fitting = book.fits(demand)
          const answer = fleet.place(demand)
          expect(typeof answer === 'string').toBe(fitting.length === 0)
          if (typeof answer === 'string') continue
          book.book(demand, answer, 1)
          placed.push([demand, answer])
          const ended = ends.next().value ? placed.shift() : undefined
          if (ended === undefined) continue
          fleet.release(...ended)
          book.book(...ended, -1)
        }
        for (const each of placed) fleet.release(...each)
        for (const [demand, place] of placed) {
          if (demand.parts > 0) expect(() => fleet.release(demand, place)).toThrow(RangeError)
        }
      }),
      { numRuns: 200, seed: 2 },
    )
  })

  it('answers the same to the same seed', () => {
    fc.assert(
      fc.property(devices, demands, fc.string(), (all, asked, seed) => {
        const answers = () => {
          const fleet = new PartFleet(all, new Random(seed))
          return asked.map((demand) => fleet.place(demand))
        }
        expect(answers()).toEqual(answers())
      }),
      { numRuns: 50, seed: 3 },
    )
  })
})

const place = (fleet: PartFleet, parts: number, milli: number, cpu: number) =>
  fleet.place({ demand: { cpu }, parts, milli })

describe('where it places', () => {
  it('work without parts where its CPU is of no use to parts', () => {
    const fleet = new PartFleet(
      [
        { id: 'scarce', free: { cpu: 8 }, parts: [1_000, 1_000, 1_000, 1_000] },
        { id: 'rich', free: { cpu: 80 }, parts: [1_000] },
        { id: 'plain', free: { cpu: 80 }, parts: [] },
      ],
      new Random('a'),
    )
    // What is asked for is learnt from what comes: a part and two CPUs at a time.
    for (let n = 0; n < 2; n++) expect(place(fleet, 1, 1_000, 2)).toBeTypeOf('object')
    for (let n = 0; n < 4; n++) expect(place(fleet, 0, 0, 4)).not.toMatchObject({ device: 'scarce' })
  })

  it('shares that fill a part together on the same part, and leaves whole parts whole', () => {
    const fleet = new PartFleet(
      [{ id: 'd', free: { cpu: 100 }, parts: [1_000, 1_000, 1_000] }],
      new Random('a'),
    )
    const parts = [700, 300, 700, 300, 1_000].map((milli) => place(fleet, 1, milli, 1))
    const at = parts.map((answer) => (typeof answer === 'string' ? answer : answer.parts[0]))
    expect(at[0]).toBe(at[1])
    expect(at[2]).toBe(at[3])
    expect(new Set(at).size).toBe(3)
  })
})

describe('what cannot be read', () => {
  const fleet = new PartFleet([{ id: 'd', free: { cpu: 4 }, parts: [1_000] }], new Random('a'))

  it.each([
    [{ demand: {}, parts: 2, milli: 500 }, /a share is of one part, several are taken whole/],
    [{ demand: {}, parts: 1, milli: 0 }, /0 thousandths of a part; give a whole number from 1 to 1000/],
    [{ demand: {}, parts: -1, milli: 1_000 }, /-1 parts; give a whole number from 0 to 64/],
    [{ demand: { cpu: -1 }, parts: 0, milli: 0 }, /its cpu is -1; give a whole number/],
  ])('demand %j', (demand, message) => {
    expect(() => fleet.place(demand)).toThrow(message)
  })

  it.each([
    [[{ id: 'd', free: {}, parts: [1_001] }], /d: a part of it has 1001 thousandths free/],
    [[{ id: 'd', free: { cpu: 0.5 }, parts: [] }], /d: its cpu is 0.5/],
    [[0, 1].map(() => ({ id: 'd', free: {}, parts: [] })), /d: it is there twice/],
  ])('devices %j', (all, message) => {
    expect(() => new PartFleet(all, new Random('a'))).toThrow(message)
  })

  it('a resource that no device has is too large for all', () => {
    expect(fleet.place({ demand: { tape: 1 }, parts: 0, milli: 0 })).toBe('too-large')
    expect(fleet.place({ demand: { tape: 0 }, parts: 0, milli: 0 })).toBeTypeOf('object')
  })

  it('a place that was given back', () => {
    const demand = { demand: { cpu: 1 }, parts: 1, milli: 500 }
    const placed = fleet.place(demand) as PartPlace
    fleet.release(demand, placed)
    expect(() => fleet.release(demand, placed)).toThrow(/d would have more than it began with/)
    expect(() => fleet.release(demand, { device: 'x', parts: [0] })).toThrow(/x is none of the devices/)
  })
})
