import { describe, expect, it } from 'vitest'
import { inTime } from './in-time.ts'

const never = new Promise<never>(() => undefined)

describe('waiting while a live run starts', () => {
  it('gives what is there in time', async () => {
    expect(await inTime(Promise.resolve(7), 'a number', new AbortController().signal)).toBe(7)
  })

  it('says for what it waited in vain', async () => {
    const waiting = inTime(never, 'the broker', new AbortController().signal, 1)
    await expect(waiting).rejects.toThrow('waited 1 ms in vain for the broker')
  })

  it.each(['before', 'meanwhile'])('ends by the reason of an interruption %s', async (when) => {
    const interruption = new AbortController()
    const reason = new Error('Ctrl-C')
    if (when === 'before') interruption.abort(reason)
    const waiting = inTime(never, 'the broker', interruption.signal)
    interruption.abort(reason)
    await expect(waiting).rejects.toBe(reason)
  })
})
