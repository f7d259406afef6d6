/** `covey demo` as users start it: its verdict, and that nothing of it remains however it ends. */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Report } from '../client/demo/report.ts'
import { nothingRemains, processesOf, type Running, startCovey } from './covey-program.ts'

const FILES = 10
/** So few files are gone through several times; an array counts the words of a tenth, and an index lists its checksums. */
const TURNS = 40
const ARRAYS = 10
const ARCHIVES = 10
const INDEXES = ARRAYS + 1
const TASKS = TURNS + ARRAYS + ARCHIVES + INDEXES
const PIECES = TASKS - ARRAYS + TURNS

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

it('exits with 0 when all ended once with the right result although device, coordinator and broker were killed', async () => {
  const run = demo('--json')
  const code = await run.exit
  const report = JSON.parse(run.out) as Report
  expect(report.problems).toEqual([])
  expect(code).toBe(0)
  expect(report).toMatchObject({
    ...{ ok: true, tasks: TASKS, elements: TURNS, receipts: TASKS, right: PIECES },
    ...{ files: FILES, filesLeftOut: 0 },
    ...{ lost: 0, wrong: 0, failed: 0, acceptedTwice: 0, overlaps: 0, early: 0 },
    killed: [
      { target: 'worker', rerouteMs: expect.any(Number), backMs: expect.any(Number) },
      { target: 'coordinator', failoverMs: expect.any(Number), backMs: expect.any(Number) },
      { target: 'broker', failoverMs: expect.any(Number), backMs: expect.any(Number) },
    ],
  })
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

it('shows a worker’s death to people: plain lines in a pipe, then a table', async () => {
  const run = demo('--kill', 'worker')
  expect([await run.exit, run.err]).toEqual([0, ''])
  expect(run.out).toMatch(/\d s {2}\w+ is killed while \d pieces of work run\n/)
  expect(run.out).toMatch(/\d s {2}\d+ of 101 ended; attic (\d|gone), cellar/)
  expect(run.out).toMatch(/\n {2}lost +0\n/)
  expect(run.out).not.toContain('failover')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the absence of control sequences is what is checked
  expect(run.out).not.toMatch(/[\u001b\r]/)
  for (const line of run.out.split('\n')) expect(line.length, line).toBeLessThan(80)
  await nothingRemains(temporary)
})

it('exits with 1 at its time limit, and says what is missing', async () => {
  // Long enough to start; and the exclusive tasks do not even begin so early.
  const run = demo('--json', '--timeout', '14s')
  expect(await run.exit).toBe(1)
  const { ok, problems, right } = JSON.parse(run.out) as Report
  expect(ok).toBe(false)
  expect(right).toBeLessThan(PIECES)
  expect(problems).toContain('the demo was not through within 14000 ms')
  expect(problems.join('\n')).toMatch(/no receipt: |lost: a receipt and no end: /)
  await nothingRemains(temporary)
})

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 'SIGHUP'],
  ['SIGKILL', 'SIGKILL'],
] as const)('leaves nothing behind when it is ended by %s', async (signal, code) => {
  const run = demo()
  await vi.waitFor(() => expect(run.out).toContain('is killed while'), { timeout: 60_000 })
  await processesRun()
  run.child.kill(signal)
  expect(await run.exit).toBe(code)
  await nothingRemains(temporary)
})

it('leaves nothing behind when there is nothing to do', async () => {
  rmSync(folder, { recursive: true })
  const run = demo()
  expect(await run.exit).toBe(2)
  expect(run.err).toContain(`E_USAGE: --folder: ${folder} cannot be read`)
  await nothingRemains(temporary)
})
