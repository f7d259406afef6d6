/** `covey demo` as users start it: its verdict, and that nothing of it remains however it ends. */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Report } from '../client/demo/report.ts'
import { nothingRemains, processesOf, type Running, startCovey } from './covey-program.ts'
import { enoughTime } from './enough-time.ts'

const FILES = 10
/** So few files are gone through several times; an array counts the words of a tenth, and an index lists its checksums. */
const TURNS = 40
const ARRAYS = 10
const ARCHIVES = 10
const INDEXES = ARRAYS + 1
/** Three surveys, and what takes the memory of the device that one of them is on. */
const SPIKE = 4
const TASKS = TURNS + ARRAYS + ARCHIVES + INDEXES + SPIKE
const PIECES = TASKS - ARRAYS + TURNS
const PROGRESS = /\d s {2}\d+ of 101 ended; attic (\d|gone), cellar/

let root: string
/** The demo's idea of the system's folder for temporary files. */
let temporary: string
let folder: string
const children: ChildProcess[] = []

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'covey-demo-test-')))
  temporary = join(root, 'tmp')
  folder = join(root, 'folder')
  mkdirSync(temporary)
  mkdirSync(folder)
  for (let i = 0; i < FILES; i++) writeFileSync(join(folder, `${i}.txt`), 'so many words '.repeat(i + 1))
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await nothingRemains(temporary)
  rmSync(root, { recursive: true })
})

function demo(...words: string[]): Running {
  const running = startCovey(['demo', '--folder', folder, ...words], root, temporary)
  children.push(running.child)
  return running
}

/** The demo's agents, broker, tasks and caretaker are children of their own; a check that never sees one proves nothing. */
async function processesRun(): Promise<void> {
  expect(processesOf(temporary) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(5)
}

it('exits with 0 when all ended once with the right result although memory was taken, and device, coordinator and broker killed', async () => {
  const run = demo('--json', '--timeout', '4m')
  const code = await run.exit
  const report = JSON.parse(run.out) as Report
  expect(report.problems).toEqual([])
  expect(code).toBe(0)
  expect(report).toMatchObject({
    ...{ ok: true, tasks: TASKS, elements: TURNS, receipts: TASKS, right: PIECES },
    ...{ files: FILES, filesLeftOut: 0 },
    ...{ lost: 0, wrong: 0, failed: 0, acceptedTwice: 0, overlaps: 0, early: 0, moved: 1 },
    loaded: { moved: expect.stringMatching(/^survey-/), message: expect.stringContaining('memory') },
    killed: [
      { target: 'worker', rerouteMs: expect.any(Number), backMs: expect.any(Number) },
      { target: 'coordinator', failoverMs: expect.any(Number), backMs: expect.any(Number) },
      { target: 'broker', failoverMs: expect.any(Number), backMs: expect.any(Number) },
    ],
  })
  expect(report.loaded?.to).not.toBe(report.loaded?.device)
  for (const { target, device, running, rerouted, coordinator } of report.killed) {
    expect(running).toBeGreaterThanOrEqual(3)
    if (target === 'broker') continue
    expect(rerouted).toBeGreaterThan(0)
    expect(coordinator).not.toBe(device)
  }
  expect(report.rerouted).toBeGreaterThan(1)
  expect(report.attempts).toBeGreaterThan(PIECES)
  expect(report.devices.reduce((sum, { pieces }) => sum + pieces, 0)).toBe(PIECES)
  expect(run.err).toBe('')
  await nothingRemains(temporary)
})

it('shows people plain lines in a pipe, then a table; and at its time limit it exits with 1 and says what is missing', async () => {
  // Long enough to start; and the exclusive tasks do not even begin so early.
  const { run, code } = await enoughTime(
    async (limitMs) => {
      const run = demo('--kill', 'worker', '--timeout', `${limitMs}ms`)
      return { run, code: await run.exit }
    },
    ({ run }) => PROGRESS.test(run.out),
    [16_000, 24_000, 36_000],
  )
  expect([code, run.err]).toEqual([1, ''])
  expect(run.out).toMatch(PROGRESS)
  expect(run.out).toMatch(/\n {2}accepted twice +0\n/)
  expect(run.out).not.toContain('failover')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the absence of control sequences is what is checked
  expect(run.out).not.toMatch(/[\u001b\r]/)
  const [shown = '', problems] = run.out.split('\nThis is wrong:\n')
  for (const line of shown.split('\n')) expect(line.length, line).toBeLessThan(80)
  expect(problems).toMatch(/ {2}- the demo was not through within \d+ ms\n/)
  expect(problems).toMatch(/no receipt: |lost: a receipt and no end: /)
  await nothingRemains(temporary)
})

it.each([
  // By then there are guards of exclusive work too; this end waits until all has gone.
  ['SIGINT', 130, 'the coordinator, is killed while', 0],
  ['SIGTERM', 143, 'is killed while', 0],
  ['SIGHUP', 'SIGHUP', 'is killed while', undefined],
  ['SIGKILL', 'SIGKILL', 'is killed while', undefined],
] as const)('leaves nothing behind when it is ended by %s', async (signal, code, moment, remaining) => {
  const run = demo()
  await vi.waitFor(() => expect(run.out).toContain(moment), { timeout: 120_000 })
  await processesRun()
  run.child.kill(signal)
  expect(await run.exit).toBe(code)
  if (remaining !== undefined) expect(processesOf(temporary) ?? remaining).toBe(remaining)
  await nothingRemains(temporary)
})

it('leaves nothing behind when there is nothing to do', async () => {
  rmSync(folder, { recursive: true })
  const run = demo()
  expect(await run.exit).toBe(2)
  expect(run.err).toContain(`E_USAGE: --folder: ${folder} cannot be read`)
  await nothingRemains(temporary)
})
