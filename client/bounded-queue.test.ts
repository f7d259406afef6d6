import { expect, test } from 'vitest'
import { BoundedQueue } from './bounded-queue.ts'

const drain = async <T>(queue: BoundedQueue<T>): Promise<T[]> => {
  queue.end()
  const items: T[] = []
  for await (const item of queue) items.push(item)
  return items
}

test('The oldest items are dropped and counted when a reader is too slow', async () => {
  const queue = new BoundedQueue<number>(() => {}, 3)
  for (let n = 1; n <= 5; n++) queue.push(n)
  expect(queue.dropped).toBe(2)
  expect(await drain(queue)).toEqual([3, 4, 5])
})

test('Newer news of the same key replaces what was not read yet', async () => {
  const queue = new BoundedQueue<string>(() => {}, 3)
  queue.push('a1', 'a')
  queue.push('b1', 'b')
  queue.push('a2', 'a')
  expect(queue.dropped).toBe(0)
  expect(await drain(queue)).toEqual(['a2', 'b1'])
})

test('A reader that waits gets the next item at once', async () => {
  const queue = new BoundedQueue<string>(() => {})
  const next = queue.next()
  queue.push('now')
  expect(await next).toEqual({ value: 'now', done: false })
})

test('An error ends the iteration after what is queued', async () => {
  const queue = new BoundedQueue<string>(() => {})
  queue.push('last')
  queue.end(new Error('denied'))
  expect(await queue.next()).toEqual({ value: 'last', done: false })
  await expect(queue.next()).rejects.toThrow('denied')
  expect(await queue.next()).toEqual({ value: undefined, done: true })
})

test('A reader that leaves early frees what feeds the queue', async () => {
  let freed = 0
  const queue = new BoundedQueue<number>(() => freed++)
  queue.push(1)
  for await (const _ of queue) break
  expect(freed).toBe(1)
})
