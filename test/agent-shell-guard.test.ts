import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ExecExecutor } from '../agent/shell/exec.ts'
import { DEFAULT_LIMITS } from '../agent/shell/limits.ts'
import { readProcess } from '../agent/shell/process-table.ts'
import type { Now } from '../shared/ports.ts'
import { InputRecorder, recordLog, until } from './agent-shell-support.ts'

const attempt = { term: 1, agent: 'pi-1', n: 1 }
let data: string
let executor: ExecExecutor
let recorder: InputRecorder
beforeEach(() => {
  data = realpathSync(mkdtempSync(join(tmpdir(), 'covey-guard-')))
  recorder = new InputRecorder()
  const agent = { mesh: 'home', device: 'pi-1', data }
  executor = new ExecExecutor({ agent, emit: recorder.emit, log: recordLog(), limits: DEFAULT_LIMITS })
})
afterEach(async () => {
  await executor.close()
  rmSync(data, { recursive: true, force: true })
})

const now = (): Now => ({ monoMs: performance.now(), wallMs: Date.now() })
const isGone = (pid: number) => (readProcess(pid)?.state ?? 'Z') === 'Z'
const start = (script: string, leaseMs: number, from = now()) =>
  executor.run(attempt, 'once', { run: { exec: ['sh', '-c', script] }, exclusive: true }, { from, leaseMs })
const started = async () => (await recorder.wait('started')).pid
const lapsed = { end: { outcome: 'failed', lapsed: true } }

describe('the guard', () => {
  it('ends what outlives its lease, also what has made itself a session of its own', async () => {
    start(`setsid sleep 60 & echo $! > ${data}/escaped; trap "" TERM; sleep 60; sleep 60`, 1_500)
    const pid = await started()
    expect(await recorder.wait('ended')).toMatchObject(lapsed)
    expect(isGone(pid)).toBe(true)
    const escaped = Number(readFileSync(join(data, 'escaped'), 'utf8'))
    await until(() => isGone(escaped), 'the end of what escaped')
  })

  it('ends what is stopped, which does not go on before', async () => {
    start(`kill -STOP $$; echo resumed`, 1_500)
    expect(await recorder.wait('ended')).toMatchObject(lapsed)
    expect(recorder.of('output')).toEqual([])
  })

  it('lets run what is renewed, and what ended before its lease', async () => {
    start('sleep 3', 2_000)
    const pid = await started()
    const renewal = setInterval(() => executor.extend(now()), 200)
    const { end } = await recorder.wait('ended')
    clearInterval(renewal)
    expect(end).toMatchObject({ outcome: 'succeeded' })
    expect(isGone(pid)).toBe(true)
  })

  it('brings nothing back by a renewal that comes too late', async () => {
    const from = now()
    start('sleep 60', 1_000, from)
    const pid = await started()
    await until(() => isGone(pid), 'its end')
    executor.extend(now())
    expect(await recorder.wait('ended')).toMatchObject(lapsed)
  })

  it('does not let start what has no lease any more', async () => {
    start(`touch ${data}/ran`, 1_000, { ...now(), wallMs: Date.now() - 5_000 })
    expect(await recorder.wait('ended')).toMatchObject(lapsed)
    expect(recorder.of('started')).toEqual([])
  })

  it('is started again when it dies, with all that it has to end', async () => {
    start('sleep 60', 4_000)
    const pid = await started()
    const first = executor.guardPid as number
    process.kill(first, 'SIGKILL')
    await until(() => executor.guardPid !== undefined && executor.guardPid !== first, 'another guard')
    expect(isGone(pid)).toBe(false)
    expect(await recorder.wait('ended')).toMatchObject(lapsed)
  })

  it('ends the work when it is killed as often as it is started', async () => {
    start('sleep 60', 60_000)
    await started()
    const killing = setInterval(() => {
      if (executor.guardPid !== undefined) process.kill(executor.guardPid, 'SIGKILL')
    }, 5)
    const { end } = await recorder.wait('ended')
    clearInterval(killing)
    expect(end).toMatchObject({ outcome: 'failed', lapsed: true })
  })
})
