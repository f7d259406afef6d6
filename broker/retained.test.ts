import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RetainedTree } from './retained.ts'
import { retainedBytes } from './retained-room.ts'
import { FilterIndex, filtersOverlap } from './topic-filter.ts'

/** The standard's matching, as plainly as it can be written. */
function matches(filter: string, topic: string): boolean {
  const f = filter.split('/')
  const t = topic.split('/')
  if (topic.startsWith('$') && (f[0] === '+' || f[0] === '#')) return false
  for (let i = 0; ; i++) {
    if (f[i] === '#') return true
    if (f[i] === undefined || t[i] === undefined) return f[i] === t[i] || (t[i] === undefined && f[i] === '#')
    if (f[i] !== '+' && f[i] !== t[i]) return false
  }
}

const level = fc.constantFrom('a', 'b', '', '$x')
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.constantFrom('a', 'b', '+', '#'))
  .map(([levels, last]) => [...levels, last].join('/'))

describe('retained messages', () => {
  test('match as the standard says, and what is removed leaves nothing behind', () => {
    fc.assert(
      fc.property(fc.uniqueArray(topic, { maxLength: 20 }), filter, (topics, wanted) => {
        const tree = new RetainedTree()
        for (const each of topics) tree.set(each, Buffer.from(each || '-'), 1)
        const found = tree.matching(wanted).map((message) => message.topic)
        expect(found.sort()).toEqual(topics.filter((each) => matches(wanted, each)).sort())
        expect(tree.count).toBe(topics.length)
        for (const each of topics) tree.set(each, Buffer.alloc(0), 0)
        expect([tree.count, tree.bytes, tree.matching('#').length]).toEqual([0, 0, 0])
      }),
    )
  })

  test('count their bytes, and a replaced message only once', () => {
    const tree = new RetainedTree()
    tree.set('a/b', Buffer.alloc(10, 1), 1)
    tree.set('a/b', Buffer.alloc(30, 1), 1)
    expect([tree.count, tree.bytes]).toEqual([1, retainedBytes('a/b', 30)])
    expect(tree.get('a/b')?.payload).toHaveLength(30)
    expect(tree.get('a')).toBeUndefined()
  })

  test('do not keep the read chunk alive that they came in', () => {
    const chunk = Buffer.alloc(65_536, 1)
    const tree = new RetainedTree()
    tree.set('a', chunk.subarray(100, 110), 1)
    expect(tree.get('a')?.payload.buffer.byteLength).toBe(10)
  })
})

describe('filters', () => {
  test('the index finds the owners whose filters match', () => {
    fc.assert(
      fc.property(fc.uniqueArray(filter, { maxLength: 10 }), topic, (filters, wanted) => {
        const index = new FilterIndex<string>()
        for (const each of filters) index.set(each, `owner of ${each}`, each)
        const found: string[] = []
        index.match(wanted, (_owner, value) => found.push(value))
        expect(found.sort()).toEqual(filters.filter((each) => matches(each, wanted)).sort())
        for (const each of filters) index.delete(each, `owner of ${each}`)
        expect(index.count).toBe(0)
        index.match(wanted, () => expect.unreachable())
      }),
    )
  })

  test('overlap when a topic matches both', () => {
    fc.assert(
      fc.property(filter, filter, topic, (one, other, each) => {
        if (matches(one, each) && matches(other, each)) expect(filtersOverlap(one, other)).toBe(true)
      }),
    )
  })

  test.each([
    ['a/b', 'a/b', true],
    ['a/b', 'a/c', false],
    ['a/+', 'a/b', true],
    ['a/+/c', 'a/b/+', true],
    ['a/+', 'a/b/c', false],
    ['a/#', 'a/b/c', true],
    ['a/#', 'a', true],
    ['b/#', 'a/#', false],
    ['#', 'a/b', true],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(filtersOverlap(one, other)).toBe(expected)
    expect(filtersOverlap(other, one)).toBe(expected)
  })
})
