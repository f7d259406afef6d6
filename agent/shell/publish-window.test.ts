import { describe, expect, it } from 'vitest'
import { type Publish, PublishWindow } from './publish-window.ts'

const publish = (token: number, qos: 0 | 1 = 1, payload = 'x'): Publish => ({
  topic: 't',
  payload,
  qos,
  retain: false,
  token,
})
const LIMITS = { publishesInFlightMax: 2, outstandingPublishesMax: 5, outstandingBytesMax: 100 }

describe('the window of publishes', () => {
  function open(limits = LIMITS) {
    const sent: (number | undefined)[] = []
    const socket = { bytes: 0 }
    const window = new PublishWindow(
      limits,
      ({ token }) => sent.push(token),
      () => socket.bytes,
    )
    return { sent, socket, window }
  }

  it('sends up to its size and the next with each acknowledgement, in order', () => {
    const { sent, window } = open()
    for (const token of [1, 2, 3, 4]) expect(window.offer(publish(token))).toBe(true)
    expect(sent).toEqual([1, 2])
    window.acked()
    expect(sent).toEqual([1, 2, 3])
    window.acked()
    window.acked()
    expect(sent).toEqual([1, 2, 3, 4])
  })

  it('lets no publish of QoS 0 overtake one that waits', () => {
    const { sent, window } = open()
    window.offer(publish(1))
    window.offer(publish(2))
    window.offer(publish(3))
    window.offer(publish(4, 0))
    expect(sent).toEqual([1, 2])
    window.acked()
    expect(sent).toEqual([1, 2, 3, 4])
  })

  it('waits while the socket is full', () => {
    const { sent, socket, window } = open({ ...LIMITS, outstandingBytesMax: 1e9 })
    socket.bytes = 5e6
    window.offer(publish(1, 0))
    expect(sent).toEqual([])
    socket.bytes = 0
    window.pump()
    expect(sent).toEqual([1])
  })

  it('has no room beyond its bounds, and says which', () => {
    const { window, socket } = open()
    for (const token of [1, 2, 3, 4, 5]) expect(window.offer(publish(token))).toBe(true)
    expect(window.offer(publish(6))).toBe(false)
    window.acked()
    expect(window.offer(publish(6, 1, 'x'.repeat(200)))).toBe(false)
    socket.bytes = 99
    expect(window.offer(publish(6))).toBe(false)
    expect(window.describe()).toContain('4 publishes (at most 5) and 101 bytes (at most 100)')
  })

  it('forgets what it has sent', () => {
    const { sent, window } = open({
      publishesInFlightMax: 1,
      outstandingPublishesMax: 10_000,
      outstandingBytesMax: 1e6,
    })
    for (let token = 0; token < 5_000; token++) window.offer(publish(token))
    for (let n = 0; n < 5_000; n++) window.acked()
    expect(sent).toEqual(Array.from({ length: 5_000 }, (_, token) => token))
    expect(window.describe()).toContain('0 publishes')
  })
})
