import { expect, test } from 'vitest'
import { isUndone, withChanges } from './merge.ts'

const FROM = { a: 1, b: { x: 1, y: 2 }, list: [1, 2] }

test.each([
  ['what neither changed stays', FROM, FROM, FROM],
  [
    'both have their way',
    { ...FROM, a: 2 },
    { ...FROM, b: { x: 1, y: 3 } },
    { ...FROM, a: 2, b: { x: 1, y: 3 } },
  ],
  [
    'in the same object too',
    { ...FROM, b: { x: 9, y: 2 } },
    { ...FROM, b: { x: 1, y: 3 } },
    { ...FROM, b: { x: 9, y: 3 } },
  ],
  [
    'what is new stands beside',
    { c: { p: 1 }, ...FROM },
    { c: { q: 2 }, ...FROM },
    { c: { p: 1, q: 2 }, ...FROM },
  ],
  ['of the same the second stands', { ...FROM, a: 2 }, { ...FROM, a: 3 }, { ...FROM, a: 3 }],
  ['lists count as a whole', { ...FROM, list: [1] }, { ...FROM, list: [2] }, { ...FROM, list: [2] }],
  ['what one does not know is not taken away', FROM, { a: 2 }, { ...FROM, a: 2 }],
  ['an object takes the place of a value', { a: 5 }, { a: { x: 1 } }, { a: { x: 1 } }],
])('%s', (_, into, to, merged) => {
  expect(withChanges(into, FROM, to)).toEqual(merged)
})

const MINE = { a: 2, b: { x: 1, y: 2, z: 3 } }

test.each([
  ['what I changed is there', { a: 2, b: { z: 3 } }, false],
  ['it is as it was', { a: 1, b: { x: 1, y: 2, z: 3 } }, true],
  ['a part of it is as it was', { a: 2, b: { x: 1, y: 2 } }, true],
  ['somebody has changed it since', { a: 7, b: { z: 8 } }, false],
  ['what I took away is there again', { ...MINE, list: [1, 2] }, true],
  ['something else is other', { ...MINE, c: 1 }, false],
])('%s: %j is undone: %s', (_, now, undone) => {
  expect(isUndone(now, FROM, MINE)).toBe(undone)
})
