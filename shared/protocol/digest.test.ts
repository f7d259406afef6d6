import { expect, test } from 'vitest'
import { countOf, setDigest } from './digest.ts'

test.each([[0], [1], [35], [36], [1_000]])('A digest of %i names tells how many they are', (count) => {
  expect(countOf(setDigest(Array.from({ length: count }, (_, n) => `1.pi-1.${n}`)))).toBe(count)
})

test('What is no such digest tells nothing', () => {
  for (const text of ['', '1', '1-2', 'f00d', '1-2-3-4', '1-A-b']) expect(countOf(text)).toBeUndefined()
})
