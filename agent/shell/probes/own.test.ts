import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { readProcess } from '../process-table.ts'
import { createOwnProbe } from './own.ts'
import { SYSTEM_ROOTS } from './roots.ts'

const CAPACITY = { cpu: '500m', memory: '64Mi' }
const started: ChildProcess[] = []
afterEach(() => {
  for (const { pid } of started.splice(0)) process.kill(-Number(pid), 'SIGKILL')
})

/** A shell whose commands are the family that is measured, and a probe of it by a clock that is set. */
function familyOf(script: string) {
  const child = spawn('bash', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
  started.push(child)
  let nowMs = 0
  const probe = createOwnProbe(CAPACITY, () => nowMs, SYSTEM_ROOTS, child.pid)
  /** Seconds of computing since the call before. */
  const seconds = () => {
    nowMs += 1_000
    return probe().cpu
  }
  return { child, probe, seconds }
}

const said = (child: ChildProcess, line: string) =>
  new Promise<void>((resolve) => {
    let text = ''
    child.stdout?.on('data', (chunk) => {
      text += chunk
      if (text.includes(line)) resolve()
    })
  })

/** Computes for about the time of a good tenth of a second. */
const BURN = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'
/** By then anything has burned for long enough. */
const LONG = { timeout: 30_000, interval: 20 }

describe('what an agent and its work take', () => {
  it('is told beside what the device offers, and is nothing while nothing is done', () => {
    const { probe, seconds } = familyOf('read line')
    expect(probe()).not.toHaveProperty('cpu')
    expect(seconds()).toBeLessThan(0.1)
    expect(probe()).toMatchObject({ memoryTotal: 64 * 2 ** 20 })
  })

  it('counts memory of what descends from it, and its own beyond what an agent takes', async () => {
    const alone = familyOf('read line').probe()
    expect(alone.memoryUsed).toBe(0)
    const { child, probe } = familyOf('sleep 60 & echo started; wait')
    await said(child, 'started')
    await vi.waitFor(() => expect(probe().memoryUsed).toBeGreaterThan(100_000), LONG)
  })

  it('counts a grandchild that computes, and nobody else', async () => {
    const other = familyOf('read line')
    const { probe, seconds } = familyOf('bash -c "while :; do :; done" & wait')
    probe()
    other.probe()
    let burned = 0
    await vi.waitFor(() => {
      burned += seconds() ?? 0
      expect(burned).toBeGreaterThan(0.3)
    }, LONG)
    expect(other.seconds()).toBeLessThan(0.1)
  })

  it('counts a child that has come and gone between two looks', async () => {
    const { child, probe, seconds } = familyOf(
      `read line; bash -c "${BURN.replaceAll('$', '\\$')}"; echo done; read line`,
    )
    probe()
    child.stdin?.write('go\n')
    await said(child, 'done')
    expect(seconds()).toBeGreaterThan(0.02)
    expect(seconds()).toBeLessThan(0.1)
  })

  it('goes on counting a child whose parent has left it', async () => {
    const { child, probe, seconds } = familyOf(
      'bash -c "(while :; do :; done) & echo \\$!; read line; exit" ; echo left; read line',
    )
    const left = said(child, 'left')
    const pid = await new Promise<number>((resolve) => {
      child.stdout?.once('data', (chunk) => resolve(Number(String(chunk).split('\n')[0])))
    })
    onTestFinished(() => {
      process.kill(pid, 'SIGKILL')
    })
    probe()
    child.stdin?.write('go\n')
    await left
    expect(readProcess(pid)?.parent).not.toBe(child.pid)
    seconds()
    let burned = 0
    await vi.waitFor(() => {
      burned += seconds() ?? 0
      expect(burned).toBeGreaterThan(0.3)
    }, LONG)
  })

  it('cannot be told without /proc, and says what to do', () => {
    const folder = mkdtempSync(join(tmpdir(), 'covey-own-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const roots = { proc: join(folder, 'proc'), sys: folder }
    expect(() => createOwnProbe(CAPACITY, undefined, roots)).toThrow(
      expect.objectContaining({ code: 'E_USAGE', remedy: 'Leave --load at "machine"' }),
    )
  })
})
