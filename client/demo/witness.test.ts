import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Witness } from './witness.ts'

let folder: string
let file: string
let witness: Witness
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'covey-witness-'))
  file = join(folder, 'witness')
  witness = new Witness(file, 1_000)
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Lines as commands write them; the machine's clock is 1 s ahead of ours. */
function tell(...lines: string[]): void {
  for (const line of lines) {
    const [ms, ...words] = line.split(' ')
    appendFileSync(file, `${words.join(' ')} ${1_000 + Number(ms)}000000\n`)
  }
  witness.look()
}

test('What began and did not end runs on its device', () => {
  witness.look() // there is no file yet
  tell('5 begin a 1.attic.1 attic', '6 begin b[3] 1.attic.2 attic', '7 beat a 1.attic.1 attic')
  expect([...witness.runningOn('attic')].map(({ work }) => work)).toEqual(['a', 'b[3]'])
  tell('9 end a 1.attic.1 attic')
  expect([...witness.runningOn('attic')].map(({ work }) => work)).toEqual(['b[3]'])
  const times = { beginMs: 5, lastMs: 9, ended: true, resumed: false }
  expect(witness.lives.get('a')).toEqual([{ work: 'a', attempt: '1.attic.1', device: 'attic', ...times }])
  expect(witness.peaks).toEqual(new Map([['attic', 2]]))
})

test('A piece that comes to its end twice has ended once', () => {
  tell('1 begin a 1.attic.1 attic', '2 begin a 2.cellar.1 cellar', '3 end a 2.cellar.1 cellar')
  tell('4 end a 1.attic.1 attic')
  expect(witness.ended).toBe(1)
  expect(witness.lives.get('a')?.map(({ ended }) => ended)).toEqual([true, true])
})

test('An attempt that goes on from what was kept says so', () => {
  tell('1 begin a 1.attic.1 attic', '2 begin a 2.cellar.1 cellar', '3 resume a 2.cellar.1 cellar')
  expect(witness.lives.get('a')).toMatchObject([{ resumed: false }, { resumed: true, lastMs: 3 }])
})

test('What a killed agent leaves is at work for nobody, and its end is seen all the same', () => {
  tell('1 begin a 1.attic.1 attic')
  expect(witness.orphan('attic').map(({ work }) => work)).toEqual(['a'])
  tell('2 begin b 1.attic.2 attic')
  expect([...witness.runningOn('attic')].map(({ work }) => work)).toEqual(['b'])
  tell('3 end a 1.attic.1 attic')
  expect(witness.lives.get('a')).toMatchObject([{ ended: true, lastMs: 3 }])
})

test('What was told to end is at work no more', () => {
  tell('1 begin a 1.attic.1 attic', '2 begin b 1.attic.2 attic')
  witness.cut(witness.lives.get('a')![0]!)
  expect([...witness.runningOn('attic')].map(({ work }) => work)).toEqual(['b'])
})

test('A line that has come in part is waited for; what is none is counted', () => {
  appendFileSync(file, 'begin a 1.att')
  witness.look()
  appendFileSync(file, 'ic.1 attic 1001000000\n')
  witness.look()
  expect(witness.runningOn('attic').size).toBe(1)
  tell('2 end other 1.attic.1 attic', '3 jump a 1.attic.1 attic', '4 begin')
  appendFileSync(file, 'beat a 1.attic.1 attic soon\n')
  witness.look()
  expect(witness.unreadable).toBe(4)
})
