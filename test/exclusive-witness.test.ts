import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { runExclusive } from '../bench/exclusive.ts'
import { testimony } from '../bench/exclusive-witness.ts'
import { processesOf } from './covey-program.ts'
import { DIST } from './mesh/brokers.ts'

const program = join(DIST, 'bench/exclusive-agent.js')

describe('exclusive work on real devices', () => {
  it('never has two attempts at work together while agents are stopped, killed and cut off', async () => {
    const { tasks, succeeded, overlaps, attempts } = await runExclusive({ rounds: 2, seed: 'gate', program })
    expect({ tasks, succeeded, overlaps }).toEqual({ tasks: 8, succeeded: 8, overlaps: 0 })
    expect(attempts).toBeGreaterThan(tasks)
  })

  it('leaves nothing when it is interrupted while it starts', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'covey-trial-'))
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = temporary
    onTestFinished(() => {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
      rmSync(temporary, { recursive: true, force: true })
    })
    const interruption = new AbortController()
    const trial = runExclusive({ rounds: 1, seed: 'gate', program, signal: interruption.signal })
    const failed = expect(trial).rejects.toThrow('interrupted')
    await vi.waitFor(() => expect(processesOf(temporary) ?? 4).toBeGreaterThanOrEqual(4))
    interruption.abort()
    await failed
    await vi.waitFor(() => expect(processesOf(temporary) ?? 0).toBe(0))
    expect(readdirSync(temporary)).toEqual([])
  })
})

describe('the witness', () => {
  const told = (lines: readonly string[]) => {
    const folder = mkdtempSync(join(tmpdir(), 'covey-witness-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'witness')
    for (const line of lines) appendFileSync(file, `${line}\n`)
    return testimony(file)
  }

  it('sees attempts that are at work together, and for how long', () => {
    const lines = [
      'a begin 0',
      'a beat 1000000000',
      'b begin 1500000000',
      'a end 4000000000',
      'b end 5000000000',
    ]
    expect(told(lines)).toEqual({ attempts: 2, togetherMs: 2_500, ended: 2 })
  })

  it('sees nothing in one after the other', () => {
    const lines = ['a begin 0', 'a beat 1000000000', 'b begin 1500000000', 'b end 5000000000']
    expect(told(lines)).toEqual({ attempts: 2, togetherMs: 0, ended: 1 })
  })
})
