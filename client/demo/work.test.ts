import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkBody } from '../../shared/protocol/codec.ts'
import { FILE_BYTES_MAX } from './files.ts'
import { Witness } from './witness.ts'
import { type Job, planWork, wordsIn } from './work.ts'

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

const plan = (filesMax = 100) =>
  planWork(folder, root, { filesMax, slots: 8, devices: ['attic', 'cellar'], spike: true })
const subjects = (jobs: readonly Job[], kind: Job['kind']) =>
  jobs.filter((job) => job.kind === kind).flatMap(({ pieces }) => pieces.map(({ subject }) => subject))

test('Every file below the folder is counted and summed; packages, history and builds are not', () => {
  for (const path of ['b.txt', 'a/c.txt', 'node_modules/x.js', 'a/dist/x.js', '.git/HEAD'])
    write(path, 'one two')
  write('empty', '')
  write('large', 'x'.repeat(FILE_BYTES_MAX + 1))
  const { jobs, files, filesLeftOut } = plan()
  expect({ files, filesLeftOut }).toEqual({ files: 2, filesLeftOut: 2 })
  for (const kind of ['words', 'checksum'] as const) {
    // So few files are gone through again and again.
    expect(subjects(jobs, kind)).toHaveLength(40)
    expect(new Set(subjects(jobs, kind))).toEqual(new Set(['a/c.txt', 'b.txt']))
  }
  for (const { spec } of jobs) expect(checkBody('spec', spec)).toBeUndefined()
})

test.each([1, 40, 100, 613, 2_000])('The work of %s files is what the protocol takes', (count) => {
  for (let i = 0; i < count; i++) write(`f${i}`, `file ${i}`)
  const { jobs, files } = plan(count)
  expect(files).toBe(count)
  const known = new Set<string>()
  let part = 0
  for (const { id, spec, pieces, part: own } of jobs) {
    expect(checkBody('spec', spec)).toBeUndefined()
    expect(pieces).toHaveLength(spec.array?.length ?? 1)
    // What a task is after is handed in before it, and so is an earlier part.
    for (const other of spec.after ?? []) expect(known).toContain(other)
    expect(own).toBeGreaterThanOrEqual(part)
    part = own
    known.add(id)
  }
  expect(known.size).toBe(jobs.length)
  expect(part).toBe(3)
  expect(jobs.filter(({ spec }) => spec.exclusive === true)).toHaveLength(4)
})

test('More files than asked for are left out and counted', () => {
  for (let i = 0; i < 5; i++) write(`f${i}`, 'x')
  expect(plan(3)).toMatchObject({ files: 3, filesLeftOut: 2 })
})

/** Runs a piece as a device does, but without any pause. @returns what it printed */
function perform(
  { id, kind, spec }: Job,
  element: number | undefined,
  input: unknown,
  checkpoint?: string,
): string {
  const [program, ...argv] = ('exec' in spec.run ? spec.run.exec : []) as [string, ...string[]]
  const env = {
    ...{ COVEY_TASK: id, COVEY_ATTEMPT: `1.attic.${kind}`, COVEY_DEVICE: 'attic' },
    ...(element === undefined ? {} : { COVEY_ELEMENT: String(element) }),
    ...(checkpoint === undefined ? {} : { COVEY_CHECKPOINT: checkpoint }),
  }
  return execFileSync(program, [...argv.slice(0, -1), '0'], {
    env,
    input: JSON.stringify(input),
    encoding: 'utf8',
  })
}

test('A piece prints what was computed here, also after the file was edited and for bytes that are no text', () => {
  write('text', ' Ein  Wort\nund\tnoch eins \u00a0')
  write('bytes', new Uint8Array([0xff, 0x20, 0xc3, 0x28, 0x0a, 0x00]))
  const { jobs, witness } = plan()
  write('text', 'edited')
  const first = (kind: Job['kind'], n = 0) => jobs.filter((job) => job.kind === kind)[n] as Job
  const words = first('words')
  words.spec.array?.slice(0, 2).forEach((input, n) => {
    expect(perform(words, n, input)).toBe(`${words.pieces[n]?.expected}\n`)
  })
  expect(words.pieces.map(({ expected }) => expected)).toContain('5')
  for (const job of [first('checksum'), first('checksum', 1), first('archive')]) {
    expect(perform(job, undefined, job.spec.input)).toBe(`${job.pieces[0]?.expected}\n`)
  }
  const { archive, files } = first('archive').spec.input as { archive: string; files: string[] }
  const content = Buffer.concat(files.map((file) => readFileSync(file)))
  expect(gunzipSync(readFileSync(archive))).toEqual(content)

  const index = first('index')
  const outputs = jobs
    .filter(({ id }) => index.spec.after?.includes(id))
    .map(({ id, pieces }) => [id, { stdout: `${pieces[0]?.expected}\n` }])
  const input = { input: index.spec.input, after: Object.fromEntries(outputs) }
  expect(perform(index, undefined, input)).toBe(`${index.pieces[0]?.expected}\n`)

  const seen = new Witness(witness)
  seen.look()
  expect(seen).toMatchObject({ unreadable: 0, ended: 6 })
  expect([...seen.lives.keys()]).toContain('words-0[1]')
})

test('A survey prints the same wherever it goes on, and says that it did', () => {
  for (let i = 0; i < 5; i++) write(`f${i}`, `file ${i}`)
  const { surveys, witness } = plan()
  const [survey] = surveys as [Job]
  const checkpoint = join(root, 'checkpoint')
  const { files } = survey.spec.input as { files: string[] }
  for (const resumed of [false, true]) {
    expect(perform(survey, undefined, { files }, checkpoint)).toBe(`${survey.pieces[0]?.expected}\n`)
    const seen = new Witness(witness)
    seen.look()
    expect(seen.lives.get(survey.id)?.at(-1)).toMatchObject({ ended: true, resumed })
    const found = readFileSync(checkpoint, 'utf8').split('\n')
    expect(found).toHaveLength(files.length)
    writeFileSync(checkpoint, found.slice(0, 7).join('\n'))
  }
})

test('Greedy work keeps what it takes until it is told to let go', () => {
  write('f', 'x')
  const { greedy, letGo, jobs } = plan()
  const job = greedy('attic')
  expect(jobs).toContain(job)
  expect(job.spec).toMatchObject({ where: { room: 'attic' } })
  expect(job.spec.resources).not.toHaveProperty('memory')
  writeFileSync(letGo, '')
  expect(perform(job, undefined, job.spec.input)).toBe(`${job.pieces[0]?.expected}\n`)
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
  const wrong = expect.objectContaining({ code: 'E_USAGE', message: expect.stringContaining(folder) })
  expect(() => plan()).toThrow(wrong)
  rmSync(folder, { recursive: true })
  expect(() => plan()).toThrow(wrong)
})
