import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GPU_MILLI, Gpus, isGpuDemand, parseCapacity } from './gpus.ts'

/** GPUs of which so much is reserved. */
function gpusWith(...reserved: number[]): Gpus {
  const gpus = new Gpus({ gpu: reserved.length * GPU_MILLI })
  reserved.forEach((milli, gpu) => {
    if (milli > 0) gpus.count([gpu], milli, 1)
  })
  return gpus
}

describe('GPUs', () => {
  it('are asked for by a share of one, or as whole ones', () => {
    expect([1, 500, 1_000, 2_000, 64_000].map(isGpuDemand)).toEqual([true, true, true, true, true])
    expect([1_001, 1_500, 2_500].map(isGpuDemand)).toEqual([false, false, false])
  })

  it('are offered whole, and no more than can be counted', () => {
    expect(parseCapacity({ cpu: 2, gpu: '2500m' })).toEqual({ cpu: 2_000, gpu: 2_000 })
    expect(parseCapacity({ gpu: '900m' })).toEqual({ gpu: 0 })
    expect(parseCapacity({ gpu: 1_000 })).toEqual({ gpu: 64_000 })
    expect(parseCapacity({ cpu: 1 })).toEqual({ cpu: 1_000 })
  })

  it('are not one for what is left of them together', () => {
    const gpus = gpusWith(600, 600, 600, 600)
    expect(gpus.fits(400)).toBe(true)
    expect(gpus.fits(500)).toBe(false)
    expect(gpus.choose(500)).toBeUndefined()
    expect(gpusWith(0, 1, 0).fits(3_000)).toBe(false)
  })

  it('give so many shares, or sets of whole ones', () => {
    const gpus = gpusWith(600, 0, 0, 900)
    expect([100, 400, 500, 1_000, 2_000, 3_000].map((milli) => gpus.times(milli))).toEqual([
      25, 5, 4, 2, 1, 0,
    ])
  })

  it('give a share where least is left that is enough, of equals on the lowest', () => {
    expect(gpusWith(0, 300, 700, 300).choose(500)).toEqual([1])
    expect(gpusWith(0, 300, 700, 300).choose(800)).toEqual([0])
    expect(gpusWith(100, 0, 0, 0).choose(2_000)).toEqual([1, 2])
    expect(gpusWith(100).choose(0)).toEqual([])
  })

  it('say why an order cannot be', () => {
    const gpus = gpusWith(600, 0)
    expect(gpus.refusal([0], 400)).toBeUndefined()
    expect(gpus.refusal([0], 500)).toBe('gpu 0 has 400m left, and it takes 500m')
    expect(gpus.refusal([2], 500)).toBe('there is no gpu 2: the device has 2')
    expect(gpus.refusal([], 500)).toBe('it takes 1 of the GPUs, and was given none')
    expect(gpus.refusal([1, 1], 2_000)).toBe('it takes 2 of the GPUs, and was given 1, 1')
  })

  it('that the device has lost have nothing left, and count again when they are back', () => {
    const gpus = gpusWith(0, 400)
    gpus.resize({ gpu: 1_000 })
    expect(gpus.lefts()).toEqual([1_000])
    gpus.count([1], 400, -1)
    gpus.resize({ gpu: 2_000 })
    expect(gpus.lefts()).toEqual([1_000, 1_000])
  })

  it('lack what would do when it is added, and nothing less would', () => {
    const left = fc.integer({ min: 0, max: GPU_MILLI })
    const need = fc.oneof(fc.integer({ min: 1, max: GPU_MILLI }), fc.constantFrom(2_000, 3_000))
    fc.assert(
      fc.property(fc.array(left, { maxLength: 5 }), need, (lefts, milli) => {
        const gpus = gpusWith(...lefts.map((each) => GPU_MILLI - each))
        const short = gpus.shortage(milli)
        expect(short === undefined).toBe(gpus.fits(milli))
        if (short === undefined) return
        if (short.on === 0) {
          gpus.resize({ gpu: lefts.length * GPU_MILLI + short.milli })
          expect(gpus.fits(milli)).toBe(true)
          gpus.resize({ gpu: lefts.length * GPU_MILLI + short.milli - GPU_MILLI })
          expect(gpus.fits(milli)).toBe(false)
          return
        }
        // Those that have most left get what is missing to what is taken of each.
        const share = Math.min(milli, GPU_MILLI)
        const most = [...lefts.keys()].sort((a, b) => (lefts[b] as number) - (lefts[a] as number) || a - b)
        let open = short.milli
        for (const gpu of most.slice(0, Math.ceil(milli / GPU_MILLI))) {
          const more = Math.max(0, share - (lefts[gpu] as number))
          gpus.count([gpu], more, -1)
          open -= more
        }
        expect(open).toBe(0)
        expect(gpus.fits(milli)).toBe(true)
      }),
    )
  })

  it('are where nobody said they are: with room, or else where most is left', () => {
    expect(gpusWith(600, 700).presume(300)).toEqual([1])
    expect(gpusWith(600, 700).presume(500)).toEqual([0])
    expect(gpusWith().presume(500)).toEqual([])
  })
})
