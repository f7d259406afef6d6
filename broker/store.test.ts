import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { expect, test } from 'vitest'
import { later, temporaryFolder } from '../test/broker-harness.ts'
import { silent } from './complaints.ts'
import type { Retained } from './retained.ts'
import { type Change, type Durability, Store } from './store.ts'

const change = (topic: string, text: string, qos: 0 | 1 | 2 = 1): Change => ({
  topic,
  payload: Buffer.from(text),
  qos,
})

async function open(folder: string, durability: Durability = 'process', compactAfterDeletes = 1_000_000) {
  const found = new Map<string, Retained>()
  const store = await Store.open(folder, { durability, logger: silent, compactAfterDeletes }, (message) =>
    found.set(message.topic, message),
  )
  later(() => store.close())
  const texts = (): Record<string, string> =>
    Object.fromEntries([...found].map(([topic, { payload }]) => [topic, payload.toString()]))
  return { store, found, texts }
}

async function raw(
  folder: string,
  use: (level: ClassicLevel<string, Buffer>) => Promise<void>,
): Promise<void> {
  const level = new ClassicLevel<string, Buffer>(join(folder, 'retained'), { valueEncoding: 'buffer' })
  await use(level)
  await level.close()
}

for (const durability of ['process', 'power'] as const) {
  test(`what was committed is there when opened again (${durability})`, async () => {
    const folder = await temporaryFolder()
    const first = await open(folder, durability)
    await first.store.commit([change('a', '1'), change('b', '2', 2), change('ä/☃', 'snow', 0)])
    await first.store.commit([change('a', ''), change('c', '3'), change('c', '4'), change('never', '')])
    await first.store.close()
    const second = await open(folder, durability)
    expect(second.texts()).toEqual({ b: '2', c: '4', 'ä/☃': 'snow' })
    expect(second.found.get('b')?.qos).toBe(2)
    expect(second.store.records).toBe(3)
  })
}

test('a folder in use is refused', async () => {
  const folder = await temporaryFolder()
  await open(folder)
  await expect(open(folder)).rejects.toMatchObject({ code: 'E_STORE_LOCKED' })
})

test('a store of another version is refused, and so is one of something else', async () => {
  const folder = await temporaryFolder()
  await (await open(folder)).store.close()
  await raw(folder, (level) => level.put('meta/version', Buffer.from('99')))
  await expect(open(folder)).rejects.toMatchObject({ code: 'E_STORE_VERSION' })
  const foreign = await temporaryFolder()
  await raw(foreign, (level) => level.put('something', Buffer.from('else')))
  await expect(open(foreign)).rejects.toMatchObject({ code: 'E_STORE_VERSION' })
})

test('a changed record, a missing record and a lost store are found', async () => {
  const damages: ((level: ClassicLevel<string, Buffer>) => Promise<void>)[] = [
    async (level) => {
      const value = (await level.get('retained/a')) as Buffer
      value[7] = (value[7] ?? 0) ^ 1
      await level.put('retained/a', value)
    },
    (level) => level.del('retained/a'),
    (level) => level.put('retained/new', Buffer.from('short')),
    (level) => level.clear(),
  ]
  for (const damage of damages) {
    const folder = await temporaryFolder()
    const { store } = await open(folder)
    await store.commit([change('a', 'one'), change('b', 'two')])
    await store.close()
    await raw(folder, damage)
    await expect(open(folder)).rejects.toMatchObject({ code: 'E_STORE_CORRUPT' })
  }
})

test('a flipped byte in LevelDB’s log after an orderly close is found, wherever it is', async () => {
  const folder = await temporaryFolder()
  const { store } = await open(folder)
  for (let i = 0; i < 20; i++) await store.commit([change(`t/${i}`, 'x'.repeat(400) + i)])
  await store.close()
  const [log = ''] = (await readdir(join(folder, 'retained'))).filter((name) => name.endsWith('.log'))
  const { length } = await readFile(join(folder, 'retained', log))
  expect(length).toBeGreaterThan(8_000)
  for (let at = 10; at < length; at += 811) {
    const copy = await temporaryFolder()
    await cp(folder, copy, { recursive: true })
    const file = join(copy, 'retained', log)
    const bytes = await readFile(file)
    bytes[at] = (bytes[at] ?? 0) ^ 0x55
    await writeFile(file, bytes)
    await expect(open(copy)).rejects.toMatchObject({ code: 'E_STORE_CORRUPT' })
  }
})

test('without an orderly close, a record lost in the middle is found', async () => {
  const folder = await temporaryFolder()
  const { store } = await open(folder)
  // LevelDB drops a damaged block of 32 KiB and goes on with the next.
  for (let i = 0; i < 40; i++) await store.commit([change(`t/${i}`, 'x'.repeat(4_000) + i)])
  const copy = await temporaryFolder()
  await cp(folder, copy, { recursive: true })
  const [log = ''] = (await readdir(join(copy, 'retained'))).filter((name) => name.endsWith('.log'))
  const file = join(copy, 'retained', log)
  const bytes = await readFile(file)
  bytes[40_000] = (bytes[40_000] ?? 0) ^ 0x55
  await writeFile(file, bytes)
  await expect(open(copy)).rejects.toMatchObject({ code: 'E_STORE_CORRUPT' })
})

test('a cut end of the log, as a power cut leaves it, is no damage', async () => {
  const folder = await temporaryFolder()
  const { store } = await open(folder)
  for (let i = 0; i < 20; i++) await store.commit([change(`t/${i}`, 'x'.repeat(400) + i)])
  const copy = await temporaryFolder()
  await cp(folder, copy, { recursive: true })
  const [log = ''] = (await readdir(join(copy, 'retained'))).filter((name) => name.endsWith('.log'))
  const file = join(copy, 'retained', log)
  const { length } = await readFile(file)
  await truncate(file, length - 100)
  const { texts } = await open(copy)
  expect(Object.keys(texts()).sort()).toEqual(Array.from({ length: 19 }, (_, i) => `t/${i}`).sort())
})

test('reopening makes the disk say what the memory says', async () => {
  const folder = await temporaryFolder()
  const { store } = await open(folder)
  await store.commit([change('keep', '1'), change('stale', 'old'), change('gone', 'x')])
  await store.reopen([
    { topic: 'keep', payload: Buffer.from('1'), qos: 1 },
    { topic: 'stale', payload: Buffer.from('new'), qos: 1 },
    { topic: 'missing', payload: Buffer.from('there'), qos: 0 },
  ])
  await store.close()
  expect((await open(folder)).texts()).toEqual({ keep: '1', stale: 'new', missing: 'there' })
})

test('commits go on while the store is compacted, and nothing is lost by it', async () => {
  const folder = await temporaryFolder()
  const { store } = await open(folder, 'process', 100)
  const topics = Array.from({ length: 300 }, (_, i) => `t/${i}`)
  await store.commit(topics.map((topic) => change(topic, 'x'.repeat(1_000))))
  for (const topic of topics.slice(0, 290)) await store.commit([change(topic, '')])
  await store.commit([change('after', 'compaction')])
  await store.close()
  const { texts } = await open(folder)
  expect(Object.keys(texts()).sort()).toEqual([...topics.slice(290), 'after'].sort())
})
