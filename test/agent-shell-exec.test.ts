import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ExecExecutor } from '../agent/shell/exec.ts'
import { DEFAULT_LIMITS, type ShellLimits } from '../agent/shell/limits.ts'
import { readProcess } from '../agent/shell/process-table.ts'
import { reapLeftovers } from '../agent/shell/reap.ts'
import { ERRORS } from '../shared/errors/table.ts'
import type { RunEnd } from '../shared/ports.ts'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import { InputRecorder, recordLog, until } from './agent-shell-support.ts'

const attempt = { term: 1, agent: 'pi-1', n: 1 }
let data: string
let executors: ExecExecutor[]
beforeEach(() => {
  data = realpathSync(mkdtempSync(join(tmpdir(), 'covey-exec-')))
  executors = []
})
afterEach(async () => {
  await Promise.all(executors.map((executor) => executor.close()))
  rmSync(data, { recursive: true, force: true })
})

function start(run: TaskSpec['run'], options: { input?: unknown; limits?: Partial<ShellLimits> } = {}) {
  const recorder = new InputRecorder()
  const executor = new ExecExecutor({
    agent: { mesh: 'home', device: 'pi-1', data },
    emit: recorder.emit,
    log: recordLog(),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
  })
  executors.push(executor)
  executor.run(attempt, 'hello', { run, ...('input' in options ? { input: options.input } : {}) })
  const text = (stream: string) =>
    recorder
      .of('output')
      .filter((output) => output.stream === stream)
      .map((output) => output.text)
      .join('')
  return { executor, recorder, text, end: async (): Promise<RunEnd> => (await recorder.wait('ended')).end }
}

const sh = (script: string): TaskSpec['run'] => ({ exec: ['sh', '-c', script] })
const node = (script: string): TaskSpec['run'] => ({ exec: [process.execPath, '-e', script] })
/** True when the process is gone, or waits only to be collected. */
const isGone = (pid: number) => (readProcess(pid)?.state ?? 'Z') === 'Z'

describe('a command', () => {
  it('runs without a shell and gives its output and exit code', async () => {
    const { recorder, end, text } = start({ exec: ['printf', '%s|', 'a b', '$HOME', '*'] })
    expect(await end()).toEqual({
      outcome: 'succeeded',
      result: { exitCode: 0, stdout: 'a b|$HOME|*|', stderr: '' },
    })
    expect(text('stdout')).toBe('a b|$HOME|*|')
    expect(recorder.inputs.map((input) => input.in)).toEqual(['started', 'output', 'ended'])
  })

  it('fails with its exit code', async () => {
    expect(await start(sh('echo out; echo err >&2; exit 3')).end()).toEqual({
      outcome: 'failed',
      error: {
        code: 'E_EXIT',
        message: 'the command ended with code 3',
        remedy: ERRORS.E_EXIT.remedy,
      },
      result: { exitCode: 3, stdout: 'out\n', stderr: 'err\n' },
    })
  })

  it('fails with the signal that ended it', async () => {
    expect(await start(sh('kill -SEGV $$')).end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_SIGNAL' },
      result: { signal: 'SIGSEGV' },
    })
  })

  it('that does not exist or may not be executed is told apart from one that fails', async () => {
    expect(await start({ exec: ['no-such-program'] }).end()).toEqual({
      outcome: 'failed',
      error: {
        code: 'E_NOT_FOUND',
        message: 'no-such-program does not exist on this device',
        remedy: ERRORS.E_NOT_FOUND.remedy,
      },
    })
    const file = join(data, 'plain.txt')
    writeFileSync(file, 'text', { mode: 0o600 })
    expect(await start({ exec: [file] }).end()).toMatchObject({
      error: { code: 'E_NOT_FOUND', message: `${file} may not be executed on this device` },
    })
  })

  it('that the system refuses, or whose folder is missing, is told with the reason', async () => {
    expect(await start({ exec: ['echo', 'a\0b'] }).end()).toMatchObject({ error: { code: 'E_START' } })
    const tooLong = Array.from({ length: 64 }, () => 'x'.repeat(131_000))
    expect(await start({ exec: ['echo', ...tooLong] }).end()).toMatchObject({
      error: { code: 'E_START', message: expect.stringContaining('E2BIG') },
    })
    expect(await start({ exec: ['true'], cwd: join(data, 'nowhere') }).end()).toMatchObject({
      error: {
        code: 'E_START',
        message: `start true: working directory ${join(data, 'nowhere')} does not exist`,
      },
    })
    const blocked = start({ exec: ['true'], cwd: data })
    expect(await blocked.end()).toMatchObject({ outcome: 'succeeded' })
  })

  it('whose working directory cannot be made fails to start', async () => {
    writeFileSync(join(data, 'work'), 'in the way')
    expect(await start({ exec: ['true'] }).end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_START' },
    })
  })

  it('works in a fresh folder that is removed afterwards, with a minimal environment', async () => {
    process.env['AGENT_SECRET'] = 'hidden'
    const { executor, end } = start({
      exec: ['sh', '-c', 'pwd; echo x > file; env'],
      env: { MINE: '1', COVEY_TASK: 'forged' },
    })
    const lines = ((await end()).result?.stdout ?? '').trim().split('\n')
    expect(lines[0]).toBe(join(data, 'work', '1.pi-1.1'))
    const names = lines.slice(1).map((line) => line.slice(0, line.indexOf('=')))
    expect(names.filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name)).sort()).toEqual(
      [
        'PATH',
        'HOME',
        'LANG',
        'TMPDIR',
        'MINE',
        'COVEY_MESH',
        'COVEY_DEVICE',
        'COVEY_TASK',
        'COVEY_ATTEMPT',
        'COVEY_AGENT_DATA',
        'COVEY_CHECKPOINT',
      ].sort(),
    )
    expect(lines).toContain('COVEY_TASK=hello')
    expect(lines).toContain('COVEY_ATTEMPT=1.pi-1.1')
    expect(lines).toContain(`COVEY_AGENT_DATA=${data}`)
    await executor.close()
    expect(readdirSync(join(data, 'work'))).toEqual([])
  })

  it('reads its input as JSON, and may leave it unread', async () => {
    const input = { n: 1, text: 'ä€😀' }
    expect((await start({ exec: ['cat'] }, { input }).end()).result?.stdout).toBe(
      `${JSON.stringify(input)}\n`,
    )
    expect((await start({ exec: ['cat'] }).end()).result?.stdout).toBe('')
    const large = 'x'.repeat(200_000)
    expect(await start(sh('exec 0<&-; sleep 0.05; echo done'), { input: large }).end()).toMatchObject({
      outcome: 'succeeded',
      result: { stdout: 'done\n' },
    })
    expect(await start({ exec: ['true'] }, { input: large }).end()).toMatchObject({ outcome: 'succeeded' })
  })
})

describe('the output of a command', () => {
  it('is cut at a whole character and drained to its end', async () => {
    const limits = { stdoutBytesMax: 1_000 }
    const { end } = start(
      node(`process.stdout.write('x' + '€'.repeat(100_000), () => console.error('drained'))`),
      { limits },
    )
    const { outcome, result } = await end()
    expect(outcome).toBe('succeeded')
    expect(result).toEqual({
      exitCode: 0,
      stdout: `x${'€'.repeat(333)}`,
      stderr: 'drained\n',
      truncated: true,
    })
  })

  it('fits into a message although it is not text', async () => {
    const { end } = start({ exec: ['head', '-c', '200000', '/dev/zero'] })
    const { result } = await end()
    expect(result?.truncated).toBe(true)
    expect(JSON.stringify(result).length).toBeLessThan(DEFAULT_LIMITS.stdoutBytesMax + 200)
    const random = await start({ exec: ['head', '-c', '100000', '/dev/urandom'] }).end()
    expect(Buffer.byteLength(JSON.stringify(random.result))).toBeLessThan(DEFAULT_LIMITS.stdoutBytesMax + 200)
  })

  it('is passed on live with characters whole that came in pieces', async () => {
    const gate = join(data, 'gate')
    // The second character comes in part, and the rest of it after the first has been passed on.
    const script = `const b = Buffer.from('€€€'); let i = 4
      process.stdout.write(b.subarray(0, i))
      const isOpen = () => require('node:fs').existsSync(${JSON.stringify(gate)})
      const next = () => i < b.length && process.stdout.write(b.subarray(i, ++i), () => setTimeout(next, 5))
      const wait = setInterval(() => { if (isOpen()) { clearInterval(wait); next() } }, 20)`
    const { end, text, recorder } = start(node(script), { limits: { logFlushMs: 1 } })
    await until(() => text('stdout') === '€', 'the first character alone')
    writeFileSync(gate, '')
    expect((await end()).result?.stdout).toBe('€€€')
    expect(text('stdout')).toBe('€€€')
    expect(recorder.of('output').length).toBeGreaterThan(1)
  })

  it('is passed on at a bounded rate, and what is left out is counted', async () => {
    const limits = { logBytesPerSecondMax: 10_000 }
    const { end, recorder, text } = start(node(`process.stdout.write('x'.repeat(1_000_000))`), { limits })
    await end()
    const sizes = recorder.of('output').map((output) => Buffer.byteLength(output.text))
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4096)
    const passed = (text('stdout').match(/x/g) ?? []).length - 'exceeds'.match(/x/g)!.length
    const leftOut = [...text('stdout').matchAll(/left out (\d+) bytes/g)].reduce(
      (sum, match) => sum + Number(match[1]),
      0,
    )
    expect(leftOut).toBeGreaterThan(900_000)
    expect(passed + leftOut).toBe(1_000_000)
  })

  it('that never ends does not stop the command from being killed', async () => {
    const { executor, end, recorder } = start({ exec: ['yes'] })
    await recorder.wait('output', 3)
    executor.kill(attempt, 0)
    expect(await end()).toMatchObject({
      error: { code: 'E_SIGNAL' },
      result: { signal: 'SIGKILL', truncated: true },
    })
  })
})

describe('ending a command', () => {
  it('gives it a grace to end in', async () => {
    const { executor, end, text } = start(
      sh('trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done'),
    )
    await until(() => text('stdout').includes('up'), 'the trap')
    executor.kill(attempt, 10_000)
    expect(await end()).toMatchObject({
      outcome: 'succeeded',
      result: { exitCode: 0, stdout: 'up\nbye\n' },
    })
  })

  it('kills after the grace what ignores TERM, with all its children', async () => {
    const { executor, end, text } = start(
      sh('trap "" TERM; sleep 600 & echo $!; while :; do sleep 0.1; done'),
    )
    const pid = Number(await until(() => /\d+/.exec(text('stdout'))?.[0], 'the pid of the grandchild'))
    executor.kill(attempt, 50)
    expect(await end()).toMatchObject({ error: { code: 'E_SIGNAL' }, result: { signal: 'SIGKILL' } })
    await until(() => isGone(pid), 'the grandchild to go')
  })

  it('lets a shorter grace win over a longer one', async () => {
    const { executor, end, text } = start(sh('trap "" TERM; echo up; while :; do sleep 0.1; done'))
    await until(() => text('stdout').includes('up'), 'the trap')
    executor.kill(attempt, 600_000)
    executor.kill(attempt, 10)
    expect(await end()).toMatchObject({ result: { signal: 'SIGKILL' } })
  })

  it('gives the children of a leader that has gone what is left of the grace', async () => {
    const child = `trap "sleep 0.2; echo child done; exit" TERM; echo up; while :; do sleep 0.05; done`
    const { executor, end, text } = start({ exec: ['sh', '-c', 'sh -c "$1" & sleep 600', 'sh', child] })
    await until(() => text('stdout').includes('up'), 'the child')
    executor.kill(attempt, 10_000)
    expect((await end()).result?.stdout).toBe('up\nchild done\n')
  })

  it('reaches a stopped command', async () => {
    const { executor, end, recorder } = start(sh('kill -STOP $$; echo never'))
    const { pid } = await recorder.wait('started')
    await until(() => readProcess(pid)?.state === 'T', 'the command to stop')
    executor.kill(attempt, 10_000)
    expect(await end()).toMatchObject({ result: { signal: 'SIGTERM' } })
  })

  it('ends what a command leaves behind, and its output with it', async () => {
    const { end, text } = start(sh('sleep 600 & echo $!'))
    expect(await end()).toMatchObject({ outcome: 'succeeded' })
    expect(isGone(Number(/\d+/.exec(text('stdout'))?.[0]))).toBe(true)
  })

  it('does not wait for a grandchild that left the group and holds the output', async () => {
    const file = join(data, 'escaped')
    const script = `setsid sh -c 'echo $$ > ${file}; exec sleep 600' & until [ -s ${file} ]; do sleep 0.05; done`
    const { end } = start(sh(script), { limits: { pipeDrainMs: 50 } })
    expect(await end()).toMatchObject({ outcome: 'succeeded' })
    const pid = Number(readFileSync(file, 'utf8'))
    expect(isGone(pid)).toBe(false)
    expect(reapLeftovers(data, [], recordLog())).toBe(1)
    await until(() => isGone(pid), 'the escaped grandchild to go')
  })

  it('kills what left the group when the attempt is told to end', async () => {
    const { executor, end, text } = start(sh('setsid sh -c "echo \\$\\$; exec sleep 600" & exec sleep 600'))
    const pid = Number(
      await until(() => /\d+/.exec(text('stdout'))?.[0], 'the pid of the escaped grandchild'),
    )
    executor.kill(attempt, 1_000)
    expect(await end()).toMatchObject({ result: { signal: 'SIGTERM' } })
    await until(() => isGone(pid), 'the escaped grandchild to go')
  })

  it('answers for an attempt that does not run', async () => {
    const { executor, end, recorder } = start({ exec: ['true'] })
    await end()
    executor.kill({ term: 9, agent: 'x', n: 9 }, 0)
    expect(recorder.of('ended')[1]).toMatchObject({
      attempt: { term: 9 },
      end: { error: { code: 'E_INTERRUPTED' } },
    })
  })

  it('kills all when the executor closes, and removes their files', async () => {
    const { executor, recorder } = start(sh('echo x > file; sleep 600'))
    const { pid } = await recorder.wait('started')
    await executor.close()
    expect(isGone(pid)).toBe(true)
    expect(existsSync(join(data, 'work', '1.pi-1.1'))).toBe(false)
  })

  it('refuses more commands than it may have', async () => {
    const { executor, recorder } = start(sh('sleep 600'), { limits: { childrenMax: 1 } })
    executor.run({ ...attempt, n: 2 }, 'other', { run: { exec: ['true'] } })
    expect(recorder.of('ended')).toMatchObject([{ attempt: { n: 2 }, end: { error: { code: 'E_START' } } }])
  })
})

describe('reaping', () => {
  it('finds children of a former incarnation whose pid nobody wrote down, and no strangers', async () => {
    const environment = (folder: string) => ({
      PATH: process.env['PATH'],
      COVEY_AGENT_DATA: folder,
      COVEY_ATTEMPT: '1.a.1',
    })
    const run = (script: string, env: NodeJS.ProcessEnv, cwd = data) =>
      spawn('sh', ['-c', script], { env, cwd, detached: true, stdio: 'ignore' })
    const ours = run('env -i sleep 600 & sleep 600', environment(data))
    const other = run('exec sleep 600', environment(`${data}-2`))
    const operator = run('exec sleep 600', { PATH: process.env['PATH'], COVEY_AGENT_DATA: data })
    const pids = [ours, other, operator].map((child) => child.pid as number)
    const sleeping = (pid: number) => readProcess(pid) !== undefined
    try {
      await until(() => pids.every(sleeping), 'the processes')
      await until(() => reapLeftovers(data, [], recordLog()) > 0, 'leftovers')
      await until(() => isGone(pids[0] as number), 'our process to go')
      expect(isGone(pids[1] as number)).toBe(false)
      expect(isGone(pids[2] as number)).toBe(false)
    } finally {
      for (const pid of pids.filter((pid) => !isGone(pid))) process.kill(pid, 'SIGKILL')
    }
  })

  it('does not kill the process that now has a journaled pid', async () => {
    const stranger = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
    try {
      expect(reapLeftovers(data, [stranger.pid as number, process.pid], recordLog())).toBe(0)
      expect(isGone(stranger.pid as number)).toBe(false)
    } finally {
      stranger.kill('SIGKILL')
    }
  })
})
