import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ExecExecutor } from '../agent/shell/exec.ts'
import { Guard, type GuardOptions } from '../agent/shell/guard.ts'
import { DEFAULT_LIMITS } from '../agent/shell/limits.ts'
import { readProcess } from '../agent/shell/process-table.ts'
import type { Now } from '../shared/ports.ts'
import { InputRecorder, recordLog, until } from './agent-shell-support.ts'
import { processesOf } from './covey-program.ts'
import { DIST } from './mesh/brokers.ts'

const PROGRAM = join(DIST, 'agent/shell/guard-main.js')
const attempt = { term: 1, agent: 'pi-1', n: 1 }
let data: string
let executor: ExecExecutor
let recorder: InputRecorder
beforeEach(() => {
  data = realpathSync(mkdtempSync(join(tmpdir(), 'covey-guard-')))
  recorder = new InputRecorder()
  executor = executorWith({ program: PROGRAM })
})
afterEach(async () => {
  await executor.close()
  rmSync(data, { recursive: true, force: true })
})

function executorWith(options: GuardOptions): ExecExecutor {
  const agent = { mesh: 'home', device: 'pi-1', data }
  const context = { agent, emit: recorder.emit, log: recordLog(), limits: DEFAULT_LIMITS }
  return new ExecExecutor(context, undefined, new Guard(data, context.log, options))
}
const now = (): Now => ({ monoMs: performance.now(), wallMs: Date.now() })
const isGone = (pid: number) => (readProcess(pid)?.state ?? 'Z') === 'Z'
const start = (script: string, leaseMs: number, from = now()) =>
  executor.run(
    attempt,
    'once',
    { run: { exec: ['sh', '-c', script] }, exclusive: true },
    { lease: { from, leaseMs } },
  )
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

  it('is ended and started again when it stands still, though the agent does not', async () => {
    executor = executorWith({ program: PROGRAM, silenceMsMax: 1_500 })
    start('sleep 60', 60_000)
    const pid = await started()
    const first = executor.guardPid as number
    process.kill(first, 'SIGSTOP')
    await until(() => executor.guardPid !== undefined && executor.guardPid !== first, 'another guard')
    expect(isGone(first)).toBe(true)
    expect(isGone(pid)).toBe(false)
  })

  it('is seen by who looks for what is left', async () => {
    start('sleep 60', 60_000)
    await started()
    expect(processesOf(data)).toBe(1)
  })

  it('says so when none can be started, and starts no work', async () => {
    executor = executorWith({ program: join(data, 'missing.js') })
    start(`touch ${data}/ran`, 60_000)
    const { end } = await recorder.wait('ended')
    expect(end).toMatchObject({
      outcome: 'failed',
      lapsed: true,
      error: { code: 'E_LEASE', message: 'no guard could be started' },
    })
    expect(recorder.of('started')).toEqual([])
  })

  it('does without a process when the agent has no file left to open', () => {
    const script = `
      import { openSync } from 'node:fs'
      import { Guard } from ${JSON.stringify(join(DIST, 'agent/shell/guard.js'))}
      const none = () => {}
      const guard = new Guard('/', { debug: none, warn: none, error: none })
      try { for (;;) openSync('/dev/null', 'r') } catch (error) { if (error.code !== 'EMFILE') throw error }
      const lease = { from: { monoMs: performance.now(), wallMs: Date.now() }, leaseMs: 60_000 }
      process.exitCode = (await guard.hold('1.pi-1.1', lease, none)) === 'no-guard' ? 0 : 3`
    const words = [
      '-c',
      'ulimit -n 64; exec "$0" "$@"',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ]
    const { status, stderr } = spawnSync('sh', words, { encoding: 'utf8', timeout: 30_000 })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
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
