import { expect, test } from 'vitest'
import type { Link, Listener } from './link.ts'
import { readRetained } from './retained.ts'

/** Keeps the process from listening, as a validator that is compiled does. */
function block(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

test('What came while nobody could listen belongs to the list', async () => {
  const link = {
    down: undefined,
    listen: (_filter: string, _qos: number, listener: Listener) => {
      setImmediate(() => {
        listener.subscribed?.()
        listener.message('a', Buffer.from('1'), true)
        block(150)
        setImmediate(() => setImmediate(() => listener.message('b', Buffer.from('2'), true)))
      })
      return () => {}
    },
  } as unknown as Link
  const found: string[] = []
  await readRetained(link, ['+'], { settleMs: 50, timeoutMs: 10_000 }, (topic) => found.push(topic))
  expect(found).toEqual(['a', 'b'])
})
