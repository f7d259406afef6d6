import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NodeClock, WALL_START_MS } from './clock.ts'
import { Engine } from './engine.ts'
import { EventQueue, type Handle, type Target } from './queue.ts'
import { Trace } from './trace.ts'

const NOBODY: Target = { serial: 0, on: () => {} }

/** A target that draws a random delay at every event and goes on until it has had enough. */
class Wanderer implements Target {
  readonly serial: number
  readonly visits: number[] = []
  readonly #engine: Engine
  readonly #random: ReturnType<Engine['random']>

  constructor(engine: Engine, name: string) {
    this.#engine = engine
    this.serial = engine.serial()
    this.#random = engine.random(name)
    engine.after(0, this, 1)
  }

  on(): void {
    this.visits.push(this.#engine.nowMs)
    if (this.visits.length < 50) this.#engine.after(this.#random.exponential(10), this, 1)
  }
}

function wander(seed: string): string {
  const engine = new Engine({ seed })
  for (let i = 0; i < 5; i++) new Wanderer(engine, `w${i}`)
  engine.runUntil(10_000)
  return engine.hash.text()
}

describe('event queue', () => {
  it('gives events in the order of (time, sequence), whatever is cancelled, like a sorted list would', () => {
    const operation = fc.record({
      // Of one list, of several, of several turns, and beyond all turns of the queue's wheels.
      time: fc.oneof(...[20, 5_000, 1e8, 1e12].map((max) => fc.integer({ min: 0, max }))),
      cancel: fc.boolean(),
      pop: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const queue = new EventQueue()
        let list: { time: number; sequence: number; handle: Handle }[] = []
        const order = (a: (typeof list)[number], b: (typeof list)[number]): number =>
          a.time - b.time || a.sequence - b.sequence
        operations.forEach(({ time, cancel, pop }, sequence) => {
          const handle = queue.push(time, NOBODY, 0, undefined, sequence)
          list.push({ time, sequence, handle })
          if (cancel) {
            const victim = list[(time * 7) % list.length] as (typeof list)[number]
            expect(queue.cancel(victim.handle)).toBe(true)
            expect(queue.cancel(victim.handle)).toBe(false)
            list = list.filter((entry) => entry !== victim)
          }
          if (pop && list.length > 0) {
            list.sort(order)
            const first = list.shift()
            expect(queue.pop()).toBe(true)
            expect(queue.n).toBe(first?.sequence)
          }
        })
        for (const entry of list.sort(order)) {
          queue.pop()
          expect(queue.n).toBe(entry.sequence)
        }
        expect(queue.pop()).toBe(false)
      }),
    )
  })
})

describe('engine', () => {
  it('gives the same hash for the same seed and another for another', () => {
    expect(wander('one')).toBe(wander('one'))
    expect(wander('one')).not.toBe(wander('two'))
  })

  it('carries out what is due at the very moment it runs to, and lets that moment come', () => {
    const engine = new Engine({ seed: 'x' })
    const seen: number[] = []
    const target: Target = { serial: 1, on: () => seen.push(engine.nowMs) }
    engine.after(5, target, 0)
    engine.after(5.001, target, 0)
    engine.runUntil(5)
    expect(seen).toEqual([5])
    engine.runUntil(7)
    expect(seen).toEqual([5, 5.001])
    expect(engine.nowMs).toBe(7)
  })

  it('keeps the last lines of a trace within its bound', () => {
    const trace = new Trace(3)
    const engine = new Engine({ seed: 'x', trace })
    for (let i = 0; i < 5; i++) engine.note('n', `line ${i}`)
    expect(trace.lines().map((line) => JSON.parse(line).what)).toEqual(['line 2', 'line 3', 'line 4'])
    expect(trace.written).toBe(5)
  })
})

describe('node clock', () => {
  it('keeps the monotonic clock still in suspend and lets the wall clock run on', () => {
    const engine = new Engine({ seed: 'x' })
    const clock = new NodeClock(engine, 100)
    engine.runUntil(50)
    clock.suspend()
    engine.runUntil(1050)
    expect(clock.now()).toEqual({ monoMs: 150, wallMs: WALL_START_MS + 1050 })
    clock.resume()
    engine.runUntil(1060)
    expect(clock.monoMs()).toBe(160)
  })

  it('drifts at its own rate, and a step moves the wall clock alone', () => {
    const engine = new Engine({ seed: 'x' })
    const clock = new NodeClock(engine, 0, { driftPpm: 1000 })
    clock.step(-5000)
    engine.runUntil(10_000)
    expect(clock.monoMs()).toBe(10_010)
    expect(clock.wallMs()).toBe(WALL_START_MS + 10_010 - 5000)
    expect(clock.engineMs(10_010)).toBeCloseTo(10_000, 6)
  })
})
