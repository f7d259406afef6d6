import { describe, expect, it } from 'vitest'
import { Random } from '../../shared/random/random.ts'
import type { Kind, Rest } from './parts.ts'
import { Replay } from './replay.ts'

const half: Kind = { index: 0, need: [2], parts: 1, milli: 500, models: undefined }
const pair: Kind = { index: 1, need: [1], parts: 2, milli: 1_000, models: ['a'] }
const none: Kind = { index: 2, need: [1], parts: 0, milli: 0, models: undefined }

const rest = (cpu: number, parts: number[], model = 'a'): Rest => ({ model, free: [cpu], parts })
const having = (...seen: Kind[]): Replay => {
  const replay = new Replay(new Random('a'))
  for (const kind of seen) replay.observe(kind)
  return replay
}

describe('what a device would come to be used for', () => {
  it('is as many of what was asked for as its parts and the rest of it have room for', () => {
    const replay = having(half)
    expect(replay.use(rest(100, [1_000, 700, 400]))).toBe(1_500)
    expect(replay.use(rest(5, [1_000, 700, 400]))).toBe(1_000)
    expect(replay.use(rest(1, [1_000]))).toBe(0)
    expect(replay.use(rest(100, []))).toBe(0)
  })

  it('is nothing where too few parts are whole, or the model will not do', () => {
    const replay = having(pair)
    expect(replay.use(rest(100, [1_000, 1_000, 1_000]))).toBe(2_000)
    expect(replay.use(rest(100, [1_000, 999]))).toBe(0)
    expect(replay.use(rest(100, [1_000, 1_000], 'b'))).toBe(0)
  })

  it('is less where work without parts takes what parts would need', () => {
    expect(having(half, half).use(rest(4, [1_000]))).toBe(1_000)
    expect(having(half, none).use(rest(4, [1_000]))).toBeLessThan(1_000)
  })

  it('follows what is asked for: what came long ago is forgotten', () => {
    const replay = having(half)
    for (let n = 0; n < 2_000; n++) replay.observe(pair)
    expect(replay.use(rest(100, [900, 900]))).toBe(0)
  })

  it('says when what was judged before no longer holds', () => {
    const replay = new Replay(new Random('a'))
    const anew = Array.from({ length: 5_000 }, (_, n) => (replay.observe(half) ? n + 1 : 0)).filter(Boolean)
    expect(anew).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_024, 3_024, 4_024])
  })
})
