import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockDataFolder } from '../agent/shell/data-lock.ts'
import { Commits, type OpenedJournal, openJournal } from '../agent/shell/journal.ts'
import { type JournalDocument, JournalFile } from '../agent/shell/journal-file.ts'
import { DEFAULT_LIMITS, type ShellLimits } from '../agent/shell/limits.ts'
import { readProcess } from '../agent/shell/process-table.ts'
import { CoveyError } from '../shared/errors/errors.ts'
import type { JournalChange, JournalEntry } from '../shared/ports.ts'
import { attemptKey, NO_REIGN } from '../shared/protocol/attempt.ts'
import { InputRecorder, recordLog, until } from './agent-shell-support.ts'

let folder: string
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'covey-journal-')))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const entry = (n: number, more: Partial<JournalEntry> = {}): JournalEntry => ({
  attempt: { term: 3, agent: 'pi-1', n },
  task: `task-${n}`,
  spec: { run: { exec: ['true'] } },
  ...more,
})
const file = (name = 'journal.json') => join(folder, name)
const log = recordLog()
beforeEach(() => log.lines.splice(0))

function open(limits: Partial<ShellLimits> = {}): Promise<OpenedJournal> {
  return openJournal({ folder, durability: 'power', limits: { ...DEFAULT_LIMITS, ...limits }, log })
}

/** Opens the journal and writes changes, each a group of its own. */
async function write(...changes: JournalChange[]): Promise<InputRecorder> {
  const recorder = new InputRecorder()
  const writer = (await open()).writer(recorder.emit, (error) => expect.unreachable(error.message))
  for (const [index, change] of changes.entries()) {
    writer.persist(index + 1, change)
    await writer.close()
  }
  return recorder
}

describe('the journal', () => {
  it('is missing at first and holds after a restart what was written', async () => {
    expect((await open()).contents).toBeUndefined()
    const result = { attempt: entry(2).attempt, task: 'task-2', outcome: 'succeeded' as const }
    await write(
      { incarnation: 4, highest: { term: 3, agent: 'pi-1' } },
      { put: entry(1) },
      { put: entry(2) },
      { put: entry(2, { pid: 42, result }) },
      { drop: attemptKey(entry(1).attempt) },
    )
    expect((await open()).contents).toEqual({
      incarnation: 4,
      highest: { term: 3, agent: 'pi-1' },
      entries: [entry(2, { pid: 42, result })],
    })
    expect(readdirSync(folder)).toEqual(['journal.json'])
  })

  it('writes what comes during a write as one group and answers it once', async () => {
    let writes = 0
    const real = new JournalFile(file(), 'process', DEFAULT_LIMITS.journalBytesMax)
    const adapter = {
      read: () => real.read(),
      write: (document: JournalDocument) => {
        writes++
        return real.write(document)
      },
    }
    const recorder = new InputRecorder()
    const document = { incarnation: 1, highest: NO_REIGN, entries: new Map() }
    const fail = (error: Error) => expect.unreachable(error.message)
    const commits = new Commits(adapter, document, { limits: DEFAULT_LIMITS, log, emit: recorder.emit, fail })
    commits.persist(1, { put: entry(1) })
    await until(() => writes === 1, 'the first write')
    for (let n = 2; n <= 100; n++) commits.persist(n, { put: entry(n) })
    await commits.close()
    expect(recorder.inputs).toEqual([
      { in: 'journaled', seq: 1 },
      { in: 'journaled', seq: 100 },
    ])
    expect(writes).toBe(2)
    expect((await real.read())?.entries.size).toBe(100)
  })

  it('takes a put back when the disk is full, and keeps what only takes away for the next write', async () => {
    const recorder = new InputRecorder()
    const writer = (await open()).writer(recorder.emit, (error) => expect.unreachable(error.message))
    writer.persist(1, { incarnation: 1, put: entry(1) })
    await writer.close()
    const before = readFileSync(file(), 'utf8')
    symlinkSync('/dev/full', file('journal.json.tmp'))
    writer.persist(2, { put: entry(2) })
    writer.persist(3, { drop: attemptKey(entry(1).attempt), highest: { term: 9, agent: 'pi-9' } })
    await writer.close()
    expect(readFileSync(file(), 'utf8')).toBe(before)
    expect(recorder.inputs.slice(1)).toEqual([
      { in: 'journaled', seq: 2, error: expect.stringContaining('ENOSPC') },
      { in: 'journaled', seq: 3, error: expect.stringContaining('ENOSPC') },
    ])
    writer.persist(4, { put: entry(4) })
    await writer.close()
    expect(recorder.inputs.at(-1)).toEqual({ in: 'journaled', seq: 4 })
    const { contents } = await open()
    expect(contents).toEqual({ incarnation: 1, highest: { term: 9, agent: 'pi-9' }, entries: [entry(4)] })
  })

  it('reports that the file cannot be replaced', async () => {
    mkdirSync(file())
    const recorder = new InputRecorder()
    const fail = (error: Error) => expect.unreachable(error.message)
    const real = new JournalFile(file(), 'power', DEFAULT_LIMITS.journalBytesMax)
    const document = { incarnation: 1, highest: NO_REIGN, entries: new Map() }
    const commits = new Commits(real, document, { limits: DEFAULT_LIMITS, log, emit: recorder.emit, fail })
    commits.persist(1, { put: entry(1) })
    await commits.close()
    expect(recorder.inputs).toEqual([
      { in: 'journaled', seq: 1, error: expect.stringMatching(/EISDIR|ENOTEMPTY|EEXIST/) },
    ])
    expect(readdirSync(folder)).toEqual(['journal.json'])
  })

  it('refuses to grow beyond its bound', async () => {
    const recorder = new InputRecorder()
    const opened = await open({ journalBytesMax: 1_000 })
    const writer = opened.writer(recorder.emit, (error) => expect.unreachable(error.message))
    writer.persist(1, { put: entry(1, { spec: { run: { exec: ['echo', 'x'.repeat(1_000)] } } }) })
    await writer.close()
    expect(recorder.inputs).toEqual([
      { in: 'journaled', seq: 1, error: expect.stringContaining('journalBytesMax is 1000') },
    ])
  })

  it('counts a disk that takes no write as dead', async () => {
    const failures: Error[] = []
    const adapter = { read: async () => null, write: () => new Promise<void>(() => undefined) }
    const document = { incarnation: 1, highest: NO_REIGN, entries: new Map() }
    const limits = { ...DEFAULT_LIMITS, journalWriteMs: 10, journalChangesMax: 2 }
    const commits = new Commits(adapter, document, {
      limits,
      log,
      emit: (input) => expect.unreachable(input.in),
      fail: (error) => failures.push(error),
    })
    commits.persist(1, { put: entry(1) })
    await until(() => failures[0], 'the failure')
    expect(failures[0]).toMatchObject({ code: 'E_JOURNAL' })
    commits.persist(2, { put: entry(2) })
    commits.persist(3, { put: entry(3) })
    expect(() => commits.persist(4, { put: entry(4) })).toThrow(/2 changes .* wait for the disk/)
  })

  const good = { version: 1, incarnation: 1, highest: { term: 1, agent: 'a' }, entries: [entry(1)] }
  it.each([
    ['empty', ''],
    ['cut short', JSON.stringify(good).slice(0, -10)],
    ['of another version', JSON.stringify({ ...good, version: 2 })],
    ['no object', 'null'],
    ['without its entries', JSON.stringify({ ...good, entries: undefined })],
    ['with an entry that is none', JSON.stringify({ ...good, entries: [null] })],
    [
      'with a spec that is none',
      JSON.stringify({ ...good, entries: [entry(1, { spec: { run: {} } as never })] }),
    ],
    ['with a result that is none', JSON.stringify({ ...good, entries: [entry(1, { result: {} as never })] })],
    ['with a pid that is none', JSON.stringify({ ...good, entries: [entry(1, { pid: -1 })] })],
    ['with a highest that is none', JSON.stringify({ ...good, highest: 7 })],
  ])('that is %s is moved aside, loudly, and counts as missing', async (_how, text) => {
    writeFileSync(file(), text)
    expect((await open()).contents).toBeUndefined()
    expect(readFileSync(file('journal.corrupt-1.json'), 'utf8')).toBe(text)
    expect(existsSync(file())).toBe(false)
    expect(log.lines).toMatchObject([{ level: 'error', fields: { movedTo: file('journal.corrupt-1.json') } }])
  })

  it('keeps a bounded number of corrupt journals, the latest', async () => {
    for (let n = 1; n <= 8; n++) {
      writeFileSync(file(), `broken ${n}`)
      await open({ corruptJournalsMax: 3 })
    }
    expect(readdirSync(folder).sort()).toEqual([6, 7, 8].map((n) => `journal.corrupt-${n}.json`))
    expect(readFileSync(file('journal.corrupt-8.json'), 'utf8')).toBe('broken 8')
  })
})

describe('the lock of a data folder', () => {
  it('is held by one agent at a time, also in one process', () => {
    const first = lockDataFolder(folder)
    expect(() => lockDataFolder(folder)).toThrow(`${folder} is in use by the agent with pid ${process.pid}`)
    first.release()
    lockDataFolder(folder).release()
    expect(readdirSync(folder)).toEqual([])
  })

  it('is taken over from a process that is dead', () => {
    const dead = spawnSync(process.execPath, ['-e', '0']).pid
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    writeFileSync(file('agent.lock'), JSON.stringify({ pid: dead, startTicks: '1', boot }))
    lockDataFolder(folder).release()
  })

  it('is taken over when its pid now belongs to another process', async () => {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const other = spawn('sleep', ['60'])
    try {
      const startTicks = (await until(() => readProcess(other.pid as number), 'the process')).startTicks
      const lock = (ticks: string) => JSON.stringify({ pid: other.pid, startTicks: ticks, boot })
      writeFileSync(file('agent.lock'), lock(startTicks))
      expect(() => lockDataFolder(folder)).toThrow(CoveyError)
      writeFileSync(file('agent.lock'), lock(`${Number(startTicks) - 1}`))
      lockDataFolder(folder).release()
    } finally {
      other.kill('SIGKILL')
    }
  })

  it('is taken over when it was cut short or left by a former start of the system', () => {
    writeFileSync(file('agent.lock'), '{"pid":')
    lockDataFolder(folder).release()
    const startTicks = readProcess(process.pid)?.startTicks
    writeFileSync(file('agent.lock'), JSON.stringify({ pid: process.pid, startTicks, boot: 'another' }))
    lockDataFolder(folder).release()
  })

  it('says which folder cannot be written', () => {
    writeFileSync(file('plain'), '')
    const inside = join(file('plain'), 'data')
    expect(() => lockDataFolder(inside)).toThrow(expect.objectContaining({ code: 'E_JOURNAL' }))
    expect(() => lockDataFolder(inside)).toThrow(inside)
  })
})
