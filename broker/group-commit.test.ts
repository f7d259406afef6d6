import { expect, test } from 'vitest'
import { CoveyError } from '../shared/errors/errors.ts'
import { type CommitStore, GroupCommit } from './group-commit.ts'
import { LatencySummary } from './metrics.ts'
import type { Change } from './store.ts'

const change = (topic: string, bytes = 1): Change => ({ topic, payload: Buffer.alloc(bytes), qos: 1 })

/** A store whose commits end when the test says so. */
class HeldStore implements CommitStore {
  readonly batches: string[][] = []
  readonly ends: { resolve: () => void; reject: (error: Error) => void }[] = []
  reopened = 0

  commit(changes: readonly Change[]): Promise<void> {
    this.batches.push(changes.map(({ topic }) => topic))
    return new Promise((resolve, reject) => this.ends.push({ resolve, reject }))
  }

  async reopen(): Promise<void> {
    this.reopened += 1
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function setUp() {
  const store = new HeldStore()
  const clock = { nowMs: 0 }
  const latency = new LatencySummary()
  const commit = new GroupCommit(store, {
    batchBytesMax: 10,
    retryMs: 1_000,
    latency,
    nowMs: () => clock.nowMs,
  })
  const log: string[] = []
  const add = (topic: string, bytes = 1, wanted = () => true): void =>
    commit.add(change(topic, bytes), wanted, (error) => log.push(`${topic} ${error?.code ?? 'ok'}`))
  return { store, clock, commit, log, add, latency }
}

test('what arrives during a commit is committed together in the next one', async () => {
  const { store, commit, log, add, latency } = setUp()
  add('a')
  add('b')
  await turn()
  expect(store.batches).toEqual([['a', 'b']])
  add('c')
  add('d')
  await turn()
  expect(store.batches).toHaveLength(1)
  expect(log).toEqual([])
  store.ends[0]?.resolve()
  await turn()
  expect(log).toEqual(['a ok', 'b ok'])
  expect(store.batches[1]).toEqual(['c', 'd'])
  expect(commit.count).toBe(2)
  const idle = commit.idle()
  store.ends[1]?.resolve()
  await idle
  expect(log).toEqual(['a ok', 'b ok', 'c ok', 'd ok'])
  expect([commit.count, commit.bytes, commit.commits, latency.snapshot().count]).toEqual([0, 0, 2, 2])
})

test('a batch is bounded by its bytes, and one change larger than that goes alone', async () => {
  const { store, add } = setUp()
  add('large', 50)
  add('a', 6)
  add('b', 6)
  add('c', 6)
  await turn()
  store.ends[0]?.resolve()
  await turn()
  store.ends[1]?.resolve()
  await turn()
  expect(store.batches).toEqual([['large'], ['a', 'b'], ['c']])
})

test('a failure fails the batch; until the retry time everything fails at once, then the store is opened anew', async () => {
  const { store, clock, commit, log, add } = setUp()
  add('a')
  await turn()
  store.ends[0]?.reject(new CoveyError('E_STORE_WRITE', 'disk full'))
  await turn()
  clock.nowMs = 500
  add('b')
  await turn()
  expect(log).toEqual(['a E_STORE_WRITE', 'b E_STORE_WRITE'])
  expect(store.batches).toHaveLength(1)
  clock.nowMs = 1_000
  add('c')
  await turn()
  expect(store.reopened).toBe(1)
  store.ends[1]?.resolve()
  await commit.idle()
  expect(log.at(-1)).toBe('c ok')
})

test('what is not wanted any more is not written, and is told so', async () => {
  const { store, log, add } = setUp()
  add('a')
  add('b', 1, () => false)
  await turn()
  expect(store.batches).toEqual([['a']])
  store.ends[0]?.resolve()
  await turn()
  expect(log).toEqual(['a ok', 'b E_STORE_WRITE'])
})
