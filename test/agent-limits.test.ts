/** Commands held to their memory and CPU by whatever this machine lets an agent use, and told so. */
import { spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ExecExecutor } from '../agent/shell/exec.ts'
import { Cgroup, removeLeftGroups } from '../agent/shell/limiter/cgroup.ts'
import { findPlaces } from '../agent/shell/limiter/cgroup-places.ts'
import { type ExecLimits, Limiter } from '../agent/shell/limiter/limiter.ts'
import type { CpuLimit } from '../agent/shell/limiter/wished-limits.ts'
import { DEFAULT_LIMITS } from '../agent/shell/limits.ts'
import { readProcess } from '../agent/shell/process-table.ts'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import { InputRecorder, recordLog, until } from './agent-shell-support.ts'

let data: string
let executors: ExecExecutor[]
let n = 0
beforeEach(() => {
  data = realpathSync(mkdtempSync(join(tmpdir(), 'covey-limits-')))
  executors = []
})
afterEach(async () => {
  await Promise.all(executors.map((executor) => executor.close()))
  expect(groups()).toEqual([])
  rmSync(data, { recursive: true, force: true })
})

const limiter = (execLimits: ExecLimits = 'auto', cpuLimit: CpuLimit = 'share') =>
  new Limiter({ execLimits, cpuLimit, data, log: recordLog() })

/** The control groups of this test's agent. */
function groups(): string[] {
  const prefix = `covey-`
  return findPlaces(`covey-${++n}-test`).flatMap(({ folder }) =>
    readdirSync(folder)
      .filter((name) => name.startsWith(prefix) && name.includes('limits-test'))
      .map((name) => join(folder, name)),
  )
}

async function run(exec: string[], resources: TaskSpec['resources'], by: Limiter) {
  const recorder = new InputRecorder()
  const context = { agent: { mesh: 'home', device: 'pi-1', data }, emit: recorder.emit, log: recordLog() }
  const executor = new ExecExecutor({ ...context, limits: DEFAULT_LIMITS }, by)
  executors.push(executor)
  const attempt = { term: 1, agent: 'limits-test', n: ++n }
  executor.run(attempt, 'task', { run: { exec }, ...(resources === undefined ? {} : { resources }) })
  return (await until(() => recorder.of('ended')[0], 'the end', 60_000)).end
}

const FILL = [process.execPath, '-e', 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))']
const means = () => limiter().means

describe('a command', () => {
  it('that states nothing is not limited, and nothing is told', async () => {
    expect(await run(['true'], undefined, limiter())).toEqual({
      outcome: 'succeeded',
      result: { exitCode: 0, stdout: '', stderr: '' },
    })
  })

  it('that stays within what it states succeeds, and is told what held it', async () => {
    const end = await run(['true'], { cpu: '100m', memory: '32Mi' }, limiter())
    const { cpu, memory } = means()
    expect(end).toMatchObject({
      outcome: 'succeeded',
      result: { limits: { cpu: cpu === 'none' ? 'none' : `${cpu} share`, memory } },
    })
  })

  it('that fills its memory is ended, alone or through what it starts', async () => {
    const killed = means().memory !== 'rlimit'
    const end = await run(FILL, { memory: '96Mi' }, limiter())
    expect(end).toMatchObject({ outcome: 'failed', result: { limits: { memory: means().memory } } })
    if (killed) {
      expect(end.error).toMatchObject({
        code: 'E_MEMORY',
        message: expect.stringContaining('100663296 bytes'),
      })
    }
    const script = '"$@"; exit 9'
    const through = await run(['sh', '-c', script, 'sh', ...FILL], { memory: '96Mi' }, limiter())
    expect(through).toMatchObject({ outcome: 'failed', result: { exitCode: 9 } })
    expect(through.error?.code).toBe(killed ? 'E_MEMORY' : 'E_EXIT')
  })

  it('has its share or quota of the cores, where there are control groups', async () => {
    const { cpu } = means()
    const script = `group=$(sed -n 's/^[0-9]*:cpu:\\|^0:://p' /proc/self/cgroup | head -n 1)
      for at in /sys/fs/cgroup/cpu$group /sys/fs/cgroup$group; do
        cat $at/cpu.shares $at/cpu.cfs_quota_us $at/cpu.weight $at/cpu.max 2>/dev/null
      done; true`
    const share = await run(['sh', '-c', script], { cpu: '250m' }, limiter())
    const quota = await run(['sh', '-c', script], { cpu: '250m' }, limiter('auto', 'quota'))
    const of = (end: typeof share) => (end.result?.stdout ?? '').split('\n').slice(0, 2)
    const told = [share.result?.limits, quota.result?.limits]
    if (cpu === 'cgroup v1')
      expect([of(share), of(quota)]).toEqual([
        ['256', '-1'],
        ['1024', '25000'],
      ])
    if (cpu === 'cgroup v2')
      expect([of(share), of(quota)]).toEqual([
        ['25', 'max 100000'],
        ['100', '25000 100000'],
      ])
    const expected = cpu === 'none' ? ['none', 'none'] : [`${cpu} share`, `${cpu} quota`]
    expect(told).toEqual(expected.map((one) => ({ cpu: one })))
  })

  it('is bounded by a resource limit where there are none, and says so', async () => {
    const end = await run(['sh', '-c', 'ulimit -d'], { cpu: '1', memory: '64Mi' }, limiter('rlimit'))
    expect(end).toMatchObject({
      outcome: 'succeeded',
      result: { stdout: '65536\n', limits: { cpu: 'none', memory: 'rlimit' } },
    })
    const fill = await run(FILL, { memory: '256Mi' }, limiter('rlimit'))
    expect(fill).toMatchObject({ outcome: 'failed', result: { limits: { memory: 'rlimit' } } })
  })

  it('is not limited where the operator does not want it, and says so', async () => {
    expect(await run(['true'], { memory: '1Mi' }, limiter('none'))).toMatchObject({
      outcome: 'succeeded',
      result: { limits: { memory: 'none' } },
    })
  })

  it('that does not exist or may not be executed is told apart from one that fails', async () => {
    const limits = { memory: '64Mi' }
    expect(await run(['no-such-program'], limits, limiter())).toMatchObject({
      error: { code: 'E_NOT_FOUND', message: 'no-such-program does not exist on this device' },
    })
    const file = join(data, 'plain.txt')
    writeFileSync(file, 'text', { mode: 0o600 })
    expect(await run([file], limits, limiter())).toMatchObject({
      error: { code: 'E_NOT_FOUND', message: `${file} may not be executed on this device` },
    })
    expect(await run([data], limits, limiter())).toMatchObject({ error: { code: 'E_NOT_FOUND' } })
    expect(await run(['printf', '%s|', 'a b', "it's", '$HOME'], limits, limiter())).toMatchObject({
      result: { stdout: "a b|it's|$HOME|" },
    })
  })

  it('that a former start left in its group is ended', async () => {
    const hold = limiter().prepare('1.limits-test.1', { memoryBytes: 2 ** 26 })
    expect(hold?.held.memory).toBe(means().memory)
    expect(hold?.outOfMemory).toBe(false)
    const [program, ...args] = hold?.wrap(['sleep', '600']) ?? ['false']
    const child = spawn(program, args, { detached: true, stdio: 'ignore' })
    child.unref()
    const pid = child.pid as number
    if (groups().length === 0) process.kill(pid, 'SIGKILL')
    else {
      const entered = () =>
        groups().every((group) => readFileSync(join(group, 'cgroup.procs'), 'utf8') !== '')
      await until(entered, 'the command to enter its group')
      limiter().reap()
    }
    await until(() => (readProcess(pid)?.state ?? 'Z') === 'Z', 'the leftover to go')
    await until(() => {
      limiter().reap()
      return groups().length === 0
    }, 'its group to go')
  })
})

describe('control groups of version 2', () => {
  /** Files as the kernel shows them. */
  function system(group: string, procs: string, passedOn: string): string {
    const own = join(data, 'fs', group)
    mkdirSync(own, { recursive: true })
    mkdirSync(join(data, 'proc', 'self'), { recursive: true })
    writeFileSync(join(data, 'proc/self/mountinfo'), `41 31 0:38 / ${data}/fs rw - cgroup2 cgroup2 rw\n`)
    writeFileSync(join(data, 'proc/self/cgroup'), `0::/${group}\n`)
    writeFileSync(join(own, 'cgroup.controllers'), 'cpu io memory pids\n')
    writeFileSync(join(own, 'cgroup.subtree_control'), passedOn)
    writeFileSync(join(own, 'cgroup.procs'), procs)
    return own
  }
  const find = () => findPlaces('probe', join(data, 'proc'))

  it('limit memory and CPU in one place', () => {
    const folder = system('agents', '', 'cpu memory\n')
    expect(find()).toEqual([{ version: 'v2', folder, controllers: ['cpu', 'memory'] }])
    const read = (name: string, file: string) => readFileSync(join(folder, name, file), 'utf8')
    const share = Cgroup.make(find(), 'a', { cpuMilli: 250, memoryBytes: 4096 }, 'share')
    expect(share.held).toEqual({ cpu: 'cgroup v2 share', memory: 'cgroup v2' })
    expect([read('a', 'memory.max'), read('a', 'memory.swap.max'), read('a', 'cpu.weight')]).toEqual([
      '4096',
      '0',
      '25',
    ])
    expect(Cgroup.make(find(), 'b', { cpuMilli: 250 }, 'quota').held).toEqual({ cpu: 'cgroup v2 quota' })
    expect(read('b', 'cpu.max')).toBe('25000 100000')
    expect(share.outOfMemory).toBe(false)
    writeFileSync(join(folder, 'a', 'memory.events'), 'low 0\noom 3\noom_kill 1\n')
    expect(share.outOfMemory).toBe(true)
  })

  it('of agents that never came back go when they are old', () => {
    const folder = system('agents', '', 'cpu memory\n')
    for (const name of ['covey-a-1', 'covey-b-1', 'covey-agent', 'other']) mkdirSync(join(folder, name))
    for (const name of ['covey-a-1', 'covey-agent', 'other']) utimesSync(join(folder, name), 0, 0)
    removeLeftGroups(find(), 'covey-c-')
    const left = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(left.map(({ name }) => name).sort()).toEqual(['covey-agent', 'covey-b-1', 'other'])
  })

  it('are asked for what they do not pass on yet', () => {
    const folder = system('agents', '', '')
    expect(find()).toEqual([])
    expect(readFileSync(join(folder, 'cgroup.subtree_control'), 'utf8')).toBe('+cpu +memory')
  })

  it('that are not there, or not to be written, are none', () => {
    system('agents', '', 'cpu memory\n')
    rmSync(join(data, 'fs'), { recursive: true })
    expect(find()).toEqual([])
    expect(findPlaces('probe', join(data, 'nowhere'))).toEqual([])
  })
})
