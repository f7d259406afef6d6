import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkBody } from '../../shared/protocol/codec.ts'
import { FILE_BYTES_MAX, makeCopiesFolder, planWork, wordsIn } from './work.ts'

let root: string
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'covey-work-'))
  folder = join(root, 'folder')
  mkdirSync(folder)
})
afterEach(() => rmSync(root, { recursive: true }))

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(join(folder, path, '..'), { recursive: true })
  writeFileSync(join(folder, path), content)
}

const plan = (filesMax = 100) => planWork(folder, makeCopiesFolder(root), filesMax, 12)

test('Every file below the folder makes a checksum and a word count; packages, history and builds do not', () => {
  for (const path of ['b.txt', 'a/c.txt', 'node_modules/x.js', 'a/dist/x.js', '.git/HEAD'])
    write(path, 'one two')
  write('empty', '')
  write('large', 'x'.repeat(FILE_BYTES_MAX + 1))
  const work = plan()
  expect(work).toMatchObject({ files: 2, filesLeftOut: 2 })
  expect(work.jobs.map(({ id, file }) => `${id} ${file}`)).toEqual([
    'checksum-0 a/c.txt',
    'words-0 a/c.txt',
    'checksum-1 b.txt',
    'words-1 b.txt',
  ])
  for (const { spec } of work.jobs) expect(checkBody('spec', spec)).toBeUndefined()
})

test('More files than asked for are left out and counted', () => {
  for (let i = 0; i < 5; i++) write(`f${i}`, 'x')
  expect(plan(3)).toMatchObject({ files: 3, filesLeftOut: 2 })
})

test('A task prints what was computed here, also after the file was edited and for bytes that are no text', () => {
  write('text', ' Ein  Wort\nund\tnoch eins \u00a0')
  write('bytes', new Uint8Array([0xff, 0x20, 0xc3, 0x28, 0x0a, 0x00]))
  const { jobs } = plan()
  write('text', 'edited')
  for (const { spec, expected } of jobs) {
    const [program, ...argv] = ('exec' in spec.run ? spec.run.exec : []) as [string, ...string[]]
    // The last argument is the pause between two rounds.
    expect(execFileSync(program, [...argv.slice(0, -1), '0'], { encoding: 'utf8' })).toBe(`${expected}\n`)
  }
  expect(jobs.map(({ expected }) => expected)).toContain('5')
})

test('Words are counted as by splitting at white space', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' ', '\n', '\t', '\u2003', '\ufeff') })
  fc.assert(
    fc.property(text, (some) => {
      expect(wordsIn(some)).toBe(some.split(/\s+/).filter((word) => word !== '').length)
    }),
  )
})

test('A folder without files, or none at all, is a wrong usage that names it', () => {
  expect(() => plan()).toThrow(
    expect.objectContaining({ code: 'E_USAGE', message: expect.stringContaining(folder) }),
  )
  rmSync(folder, { recursive: true })
  rmSync(join(root, 'files'), { recursive: true })
  expect(() => plan()).toThrow(
    expect.objectContaining({ code: 'E_USAGE', message: expect.stringContaining(folder) }),
  )
})
