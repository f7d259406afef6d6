import { describe, expect, it } from 'vitest'
import { Starts } from './starts.ts'

describe('the starts of live devices', () => {
  it('tell an end that nobody asked for, once', () => {
    const starts = new Starts()
    expect(starts.start('d')).toBe(1)
    expect(starts.ended('d', 1)).toBe(true)
    expect(starts.ended('d', 1)).toBe(false)
  })

  it('tell no end of a device that was to be down', () => {
    const starts = new Starts()
    starts.start('d')
    starts.down('d')
    expect(starts.ended('d', 1)).toBe(false)
  })

  it('take the late end of an earlier start for nothing new', () => {
    const starts = new Starts()
    starts.start('d')
    starts.down('d')
    expect(starts.start('d')).toBe(2)
    expect(starts.ended('d', 1)).toBe(false)
    expect(starts.start('d')).toBeUndefined()
    expect(starts.ended('d', 2)).toBe(true)
  })
})
