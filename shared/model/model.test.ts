import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'
import { Heap } from './heap.ts'
import { formatQuantity, parseQuantity } from './quantity.ts'
import { accumulate, emptyVector, fits, parseResources, shortfall } from './resources.ts'
import { compileSelector, unmet } from './selector.ts'

describe('quantity', () => {
  it.each([
    ['500m', 500],
    ['2', 2_000],
    [2, 2_000],
    ['1.5', 1_500],
    ['0.07', 70],
    ['0.0001', 1],
    ['64Mi', 64 * 2 ** 20 * 1000],
    ['2G', 2e12],
  ])('reads %s as %d thousandths', (text, milli) => {
    expect(parseQuantity(text)).toBe(milli)
  })

  it.each(['', 'm', '-1', '1e3', '64MB', '1,5', ' 1', '1 Gi', Number.NaN, -1])('refuses %j', (text) => {
    expect(parseQuantity(text)).toBeUndefined()
  })

  it('writes what it can read again without losing anything', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), (milli) => {
        expect(parseQuantity(formatQuantity('cpu', milli))).toBe(milli)
      }),
    )
    expect(formatQuantity('memory', 14 * 2 ** 20 * 1000)).toBe('14Mi')
  })
})

describe('duration', () => {
  it.each([
    ['500ms', 500],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each(['10', '10 s', 's', '-1s', '1w', ''])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it('writes short forms', () => {
    expect([250, 1_500, 120_000, 5_400_000].map(formatDuration)).toEqual(['250ms', '1.5s', '2m', '1.5h'])
  })
})

describe('resources', () => {
  it('compares every dimension that is needed, and no other', () => {
    const room = parseResources({ cpu: '1', memory: '64Mi' })
    expect(fits(parseResources({ cpu: '1' }), room)).toBe(true)
    expect(fits(parseResources({ cpu: '1001m' }), room)).toBe(false)
    expect(fits(parseResources({ gpu: 1 }), room)).toBe(false)
    expect(shortfall(parseResources({ cpu: '1.5' }), room)).toEqual({ name: 'cpu', milli: 500 })
  })
})

describe('resource names', () => {
  it.each(['constructor', 'toString', 'valueOf', 'hasOwnProperty'])(
    'takes %s for a name like any other',
    (name) => {
      const need = parseResources({ [name]: '5' })
      expect(fits(need, parseResources({ cpu: '1' }))).toBe(false)
      expect(fits(need, emptyVector())).toBe(false)
      const sum = emptyVector()
      accumulate(sum, need, 1)
      accumulate(sum, need, 1)
      expect(sum[name]).toBe(10_000)
    },
  )
})

describe('selector', () => {
  const labels = { arch: 'arm64', ram: '32', site: 'north' }
  it.each([
    [{ arch: 'arm64' }, undefined],
    [{ arch: ['x64', 'arm64'] }, undefined],
    [{ ram: '>= 30' }, undefined],
    [{ ram: 32 }, undefined],
    [{ ram: '< 32' }, 'ram < 32'],
    [{ site: '!= north' }, 'site != north'],
    [{ site: '!= south' }, undefined],
    [{ zone: 'a' }, 'zone=a'],
    [{ zone: '!= a' }, undefined],
    [{ arch: '>= 30' }, 'arch >= 30'],
  ])('judges %j', (selector, failing) => {
    expect(unmet(compileSelector(selector), labels)?.text).toBe(failing)
  })
})

describe('heap', () => {
  it('gives items back in order, whatever the order they came in', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (items) => {
        const heap = new Heap<number>((a, b) => a < b)
        for (const item of items) heap.push(item)
        const out = items.map(() => heap.pop())
        expect(out).toEqual([...items].sort((a, b) => a - b))
        expect(heap.pop()).toBeUndefined()
      }),
    )
  })
})
