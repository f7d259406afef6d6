import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
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
import { enoughTime } from './enough-time.ts'
import { DIST } from './mesh/brokers.ts'

const PROGRAM = join(DIST, 'agent/shell/guard-main.js')
const attempt = (n: number) => ({ term: 1, agent: 'pi-1', n })
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
const start = (script: string, leaseMs: number, { from = now(), nth = 0 } = {}) =>
  executor.run(
    attempt(nth),
    'once',
    { run: { exec: ['sh', '-c', script] }, exclusive: true },
    { lease: { from, leaseMs } },
  )
const started = async () => (await recorder.wait('started')).pid
const endOf = (nth: number) => recorder.of('ended').find((one) => one.attempt.n === nth)
const ended = (nth: number) => until(() => endOf(nth), `the end of attempt ${nth}`)
/** The process of an attempt; `undefined` when its lease was over before it began. */
const pidOf = async (nth: number) => {
  const begun = () => recorder.of('started').find((one) => one.attempt.n === nth)
  await until(() => begun() ?? endOf(nth), `attempt ${nth} to begin, or to end`)
  return begun()?.pid
}
const lapsed = { end: { outcome: 'failed', lapsed: true } }

describe('the guard', () => {
  it('ends what outlives its lease, also what has made itself a session of its own', async () => {
    const { end, pid, escaped } = await enoughTime(
      async (leaseMs, nth) => {
        const file = join(data, `escaped-${nth}`)
        start(`setsid sleep 60 & echo $! > ${file}; trap "" TERM; sleep 60; sleep 60`, leaseMs, { nth })
        const pid = await pidOf(nth)
        const end = await ended(nth)
        return { end, pid, escaped: existsSync(file) ? readFileSync(file, 'utf8') : '' }
      },
      ({ escaped }) => escaped !== '',
    )
    expect(end).toMatchObject(lapsed)
    expect(isGone(pid as number)).toBe(true)
    expect(escaped).toMatch(/^\d+\n$/)
    await until(() => isGone(Number(escaped)), 'the end of what escaped')
  })

  it('ends what is stopped, which does not go on before', async () => {
    const { end, stopped } = await enoughTime(
      async (leaseMs, nth) => {
        start(`kill -STOP $$; echo resumed`, leaseMs, { nth })
        const pid = await pidOf(nth)
        const isStopped = () => pid !== undefined && readProcess(pid)?.state === 'T'
        await until(() => isStopped() || endOf(nth) !== undefined, 'the command to stop')
        return { stopped: isStopped(), end: await ended(nth) }
      },
      ({ stopped }) => stopped,
    )
    expect(stopped).toBe(true)
    expect(end).toMatchObject(lapsed)
    expect(recorder.of('output')).toEqual([])
  })

  it('lets run what is renewed, and what ended before its lease', async () => {
    const { end, pid } = await enoughTime(
      async (leaseMs, nth) => {
        const gate = join(data, `gate-${nth}`)
        const from = now()
        start(`until [ -e ${gate} ]; do sleep 0.05; done`, leaseMs, { from, nth })
        const renewal = setInterval(() => executor.extend(now()), 200)
        const pid = await pidOf(nth)
        await until(() => performance.now() > from.monoMs + leaseMs, 'the end of the first lease')
        writeFileSync(gate, '')
        const { end } = await ended(nth)
        clearInterval(renewal)
        return { end, pid }
      },
      // A renewal that is late by a whole lease is none.
      ({ end }) => end.outcome === 'succeeded',
    )
    expect(end).toMatchObject({ outcome: 'succeeded' })
    expect(isGone(pid as number)).toBe(true)
  })

  it('brings nothing back by a renewal that comes too late', async () => {
    const { end, pid } = await enoughTime(
      async (leaseMs, nth) => {
        start('sleep 60', leaseMs, { nth })
        const pid = await pidOf(nth)
        await until(() => pid === undefined || isGone(pid), 'its end')
        executor.extend(now())
        return { end: await ended(nth), pid }
      },
      ({ pid }) => pid !== undefined,
    )
    expect(pid).toBeDefined()
    expect(end).toMatchObject(lapsed)
  })

  it('does not let start what has no lease any more', async () => {
    start(`touch ${data}/ran`, 1_000, { from: { ...now(), wallMs: Date.now() - 5_000 } })
    expect(await recorder.wait('ended')).toMatchObject(lapsed)
    expect(recorder.of('started')).toEqual([])
  })

  it('is started again when it dies, with all that it has to end', async () => {
    const { end, outlived } = await enoughTime(
      async (leaseMs, nth) => {
        start('sleep 60', leaseMs, { nth })
        const pid = await pidOf(nth)
        const first = await until(() => executor.guardPid, 'a guard')
        process.kill(first, 'SIGKILL')
        await until(() => executor.guardPid !== undefined && executor.guardPid !== first, 'another guard')
        return { outlived: pid !== undefined && !isGone(pid), end: await ended(nth) }
      },
      ({ outlived }) => outlived,
    )
    expect(outlived).toBe(true)
    expect(end).toMatchObject(lapsed)
  })

  it('is ended and started again when it stands still, though the agent does not', async () => {
    executor = executorWith({ program: PROGRAM, silenceMsMax: 1_500 })
    start('sleep 60', 60_000)
    const pid = await started()
    const first = await until(() => executor.guardPid, 'a guard')
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
