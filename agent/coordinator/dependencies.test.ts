import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Dependencies } from './dependencies.ts'

/** The dumb version: whether `id` can be reached from itself, by trying every way. */
function waitsForItself(after: ReadonlyMap<string, readonly string[]>, id: string): boolean {
  const reached = new Set(after.get(id))
  for (let before = -1; before !== reached.size; ) {
    before = reached.size
    for (const one of [...reached]) for (const next of after.get(one) ?? []) reached.add(next)
  }
  return reached.has(id)
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
    for (const n of chain) {
      const before = [`t${n - 1}`]
      const counted = new Proxy(before, {
        get: (list, key, self) => {
          if (key === Symbol.iterator) asked++
          return Reflect.get(list, key, self)
        },
      })
      dependencies.name(`t${n}`, counted)
      expect(dependencies.link(`t${n}`)).toBeUndefined()
    }
    expect(asked).toBeLessThan(100_000)
    dependencies.name('t-1', ['t9999'])
    expect(dependencies.link('t-1')).toBeDefined()
  })
})
