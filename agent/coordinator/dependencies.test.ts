import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dependencies, RANK_MAX } from './dependencies.ts'

/** The dumb version: whether `id` can be reached from itself, by trying every way. */
function waitsForItself(after: ReadonlyMap<string, readonly string[]>, id: string): boolean {
  const reached = new Set(after.get(id))
  for (let before = -1; before !== reached.size; ) {
    before = reached.size
    for (const one of [...reached]) for (const next of after.get(one) ?? []) reached.add(next)
  }
  return reached.has(id)
}

/** The dumb version: how many tasks the longest chain after `id` has. */
function longestBehind(after: ReadonlyMap<string, readonly string[]>, id: string): number {
  let longest = 0
  for (const [successor, names] of after) {
    if (names.includes(id)) longest = Math.max(longest, 1 + longestBehind(after, successor))
  }
  return longest
}

const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const id = fc.constantFrom(...IDS)
const doings = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ link: id, after: fc.uniqueArray(id, { minLength: 1, maxLength: 3 }) }),
    },
    { weight: 1, arbitrary: fc.record({ forget: id }) },
  ),
  { maxLength: 40 },
)

describe('dependencies', () => {
  it('find a cycle exactly when a task would wait for itself', () => {
    let cycles = 0
    fc.assert(
      fc.property(doings, (list) => {
        const dependencies = new Dependencies()
        const linked = new Map<string, readonly string[]>()
        for (const doing of list) {
          if ('forget' in doing) {
            dependencies.forget(doing.forget)
            linked.delete(doing.forget)
          } else if (!linked.has(doing.link)) {
            dependencies.name(doing.link, doing.after)
            const closes = waitsForItself(new Map([...linked, [doing.link, doing.after]]), doing.link)
            const through = dependencies.link(doing.link)
            expect(through !== undefined).toBe(closes)
            if (closes) {
              cycles++
              dependencies.forget(doing.link)
            } else linked.set(doing.link, doing.after)
          }
        }
      }),
    )
    expect(cycles).toBeGreaterThan(10)
  })

  it('know who is named until the last that names it is forgotten', () => {
    fc.assert(
      fc.property(doings, (list) => {
        const dependencies = new Dependencies()
        const names = new Map<string, readonly string[]>()
        const named = () => new Set([...names.values()].flat())
        for (const doing of list) {
          if ('forget' in doing) {
            const before = named()
            names.delete(doing.forget)
            const unnamed = [...before].filter((one) => !named().has(one))
            expect([...dependencies.forget(doing.forget)].sort()).toEqual(unnamed.sort())
          } else {
            if (!names.has(doing.link)) names.set(doing.link, doing.after)
            dependencies.name(doing.link, doing.after)
          }
          for (const one of IDS) expect(dependencies.named(one)).toBe(named().has(one))
        }
      }),
    )
  })

  it('rank a task by the longest chain that has come to be after it', () => {
    fc.assert(
      fc.property(doings, (list) => {
        const dependencies = new Dependencies()
        const names = new Map<string, readonly string[]>()
        const told = new Map<string, number>()
        for (const doing of list) {
          // What ends takes nothing from the rank of those before it, so only growing is compared with a search.
          if ('forget' in doing || names.has(doing.link)) continue
          if (waitsForItself(new Map([...names, [doing.link, doing.after]]), doing.link)) continue
          names.set(doing.link, doing.after)
          for (const raised of dependencies.name(doing.link, doing.after)) {
            const rank = dependencies.rank(raised)
            expect(rank).toBeGreaterThan(told.get(raised) ?? 0)
            told.set(raised, rank)
          }
          for (const one of IDS) {
            expect(dependencies.rank(one)).toBe(longestBehind(names, one))
            expect(told.get(one) ?? 0).toBe(dependencies.rank(one))
          }
        }
        for (const one of names.keys()) dependencies.forget(one)
        for (const one of IDS) expect(dependencies.rank(one)).toBe(0)
      }),
    )
  })

  it('rank no further than the longest chain that counts, also round a cycle', () => {
    const dependencies = new Dependencies()
    for (let n = 1; n < 3 * RANK_MAX; n++) dependencies.name(`t${n}`, [`t${n - 1}`])
    expect(dependencies.rank('t0')).toBe(RANK_MAX)
    expect(dependencies.rank(`t${3 * RANK_MAX - 3}`)).toBe(2)
    dependencies.name('t0', [`t${3 * RANK_MAX - 1}`])
    expect(dependencies.rank(`t${3 * RANK_MAX - 1}`)).toBe(RANK_MAX)
  })

  it('wait until the last of them is met, however often one is told of', () => {
    const dependencies = new Dependencies()
    dependencies.name('c', ['a', 'b'])
    dependencies.wait('c', new Set(['a', 'b']))
    expect([dependencies.met('c', 'a'), dependencies.met('c', 'a')]).toEqual([false, false])
    expect(dependencies.waiting).toBe(1)
    expect([dependencies.met('c', 'b'), dependencies.met('c', 'b')]).toEqual([true, false])
    expect(dependencies.waiting).toBe(0)
  })

  // 10,000 tasks one after another are looked at once each; if each looked at all before it, it would be 50 million.
  it.each(['forwards', 'backwards'])('search a chain that grows %s without going along it', (order) => {
    const chain = Array.from({ length: 10_000 }, (_, n) => n)
    if (order === 'backwards') chain.reverse()
    const dependencies = new Dependencies()
    let asked = 0
    let searched = 0
    for (const n of chain) {
      const before = [`t${n - 1}`]
      const counted = new Proxy(before, {
        get: (list, key, self) => {
          if (key === Symbol.iterator) asked++
          return Reflect.get(list, key, self)
        },
      })
      dependencies.name(`t${n}`, counted)
      const named = asked
      expect(dependencies.link(`t${n}`)).toBeUndefined()
      searched += asked - named
    }
    expect(searched).toBeLessThan(100_000)
    // Ranks reach no further than they count.
    expect(asked - searched).toBeLessThan((RANK_MAX + 4) * chain.length)
    dependencies.name('t-1', ['t9999'])
    expect(dependencies.link('t-1')).toBeDefined()
  })
})
