import { expect, test } from 'vitest'
import type { Link, Listener } from './link.ts'
import { readRetained } from './retained.ts'

/** Keeps the process from listening, as a validator that is compiled does. */
function block(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

test.each([
  ['longer than it must be quiet', 150, 50],
  ['just as long', 205, 200],
])('What came while nobody could listen, %s, belongs to the list', async (_, blockedMs, settleMs) => {
  const link = {
    down: undefined,
    listen: (_filter: string, _qos: number, listener: Listener) => {
      setImmediate(() => {
        listener.subscribed?.()
        listener.message('a', Buffer.from('1'), true)
        block(blockedMs)
        setImmediate(() => setImmediate(() => listener.message('b', Buffer.from('2'), true)))
      })
      return () => {}
    },
  } as unknown as Link
  const found: string[] = []
  await readRetained(link, ['+'], { settleMs, timeoutMs: 10_000 }, (topic) => found.push(topic))
  expect(found).toEqual(['a', 'b'])
})
