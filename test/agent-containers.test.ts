/** Containers by a real podman. */
import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ContainerExecutor, reapContainers } from '../agent/shell/container/container.ts'
import { ContainerEngine, type EngineOptions, findEngine } from '../agent/shell/container/engine.ts'
import { findKinds } from '../agent/shell/kinds.ts'
import type { CpuLimit } from '../agent/shell/limiter/wished-limits.ts'
import { DEFAULT_LIMITS } from '../agent/shell/limits.ts'
import type { RunEnd } from '../shared/ports.ts'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'
import { InputRecorder, recordLog, until } from './agent-shell-support.ts'
import { containers, IMAGE, type Podman, startPodman } from './podman.ts'

let data: string
beforeEach(() => {
  data = realpathSync(mkdtempSync(join(tmpdir(), 'covey-containers-')))
})
afterEach(() => rmSync(data, { recursive: true, force: true }))

describe.skipIf(!containers.available)('a container', () => {
  let podman: Podman
  let executors: ContainerExecutor[]
  const attempt = { term: 1, agent: 'pi-1', n: 1 }
  beforeAll(() => {
    podman = startPodman()
  })
  afterAll(() => podman.close())
  beforeEach(() => {
    executors = []
  })
  afterEach(async () => {
    await Promise.all(executors.map((executor) => executor.close()))
    expect(podman.call('ps', '--all', '--quiet')).toBe('')
  })

  const engine = (options: EngineOptions = {}) =>
    new ContainerEngine(podman.program, {
      containerGlobal: podman.global,
      containerOption: podman.options,
      ...options,
    })

  function start(spec: Partial<TaskSpec>, options: EngineOptions & { cpuLimit?: CpuLimit } = {}) {
    const recorder = new InputRecorder()
    const log = recordLog()
    const executor = new ContainerExecutor({
      agent: { mesh: 'home', device: 'pi-1', data },
      emit: recorder.emit,
      log,
      limits: DEFAULT_LIMITS,
      engine: engine(options),
      cpuLimit: options.cpuLimit ?? 'share',
    })
    executors.push(executor)
    executor.run(attempt, 'boxed', { run: { container: { image: IMAGE } }, ...spec })
    const text = () =>
      recorder
        .of('output')
        .map((output) => output.text)
        .join('')
    const end = async (): Promise<RunEnd> =>
      (await until(() => recorder.of('ended')[0], 'the end of the container', 60_000)).end
    return { executor, recorder, log, text, end }
  }
  const sh = (script: string): TaskSpec['run'] => ({
    container: { image: IMAGE, argv: ['sh', '-c', script], pull: 'never' },
  })

  it('runs its image’s command, or another with arguments, and gives outputs and exit code', async () => {
    expect(await start({}).end()).toEqual({
      outcome: 'succeeded',
      result: { exitCode: 0, stdout: 'by default\n', stderr: '' },
    })
    expect(await start({ run: sh('echo out; echo err >&2; exit 3') }).end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_EXIT', message: 'the container ended with code 3' },
      result: { exitCode: 3, stdout: 'out\n', stderr: 'err\n' },
    })
  })

  it('gets its input, its environment and its folder', async () => {
    const script = 'busybox cat; busybox pwd; echo "$MADE $MINE $COVEY_TASK $COVEY_DEVICE"'
    const run = { ...sh(script), cwd: '/bin', env: { MINE: 'a b' } }
    expect(await start({ run, input: { n: 'ä' } }).end()).toMatchObject({
      outcome: 'succeeded',
      result: { stdout: '{"n":"ä"}\n/bin\nhere a b boxed pi-1\n' },
    })
  })

  it('tells its output while it runs, and ends by TERM within the grace', async () => {
    const { executor, recorder, text, end } = start({
      run: sh('trap "echo bye; exit 0" TERM; echo begun; while :; do busybox sleep 0.1; done'),
    })
    await until(() => text().includes('begun'), 'the first line', 60_000)
    expect(recorder.of('started')).toHaveLength(1)
    executor.kill(attempt, 60_000)
    expect(await end()).toMatchObject({ outcome: 'succeeded', result: { stdout: 'begun\nbye\n' } })
  })

  it('that ignores TERM is killed after the grace, and is gone then', async () => {
    const { executor, text, end } = start({
      run: sh('trap "" TERM; echo begun; while :; do busybox sleep 1; done'),
    })
    await until(() => text().includes('begun'), 'the first line', 60_000)
    executor.kill(attempt, 200)
    expect(await end()).toMatchObject({ outcome: 'failed', result: { exitCode: 137 } })
    expect(podman.call('ps', '--all', '--quiet')).toBe('')
  })

  it('that is told to end before it began does not begin', async () => {
    const { executor, end } = start({ run: sh('echo never') })
    executor.kill(attempt, 1_000)
    expect(await end()).toMatchObject({ outcome: 'failed', error: { code: 'E_SIGNAL' } })
  })

  it('whose image is not there says so, by each policy', async () => {
    const image = 'localhost:1/nowhere:1'
    expect(await start({ run: { container: { image, pull: 'never' } } }).end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_IMAGE', message: `the device has no image ${image}, and pull is "never"` },
    })
    for (const pull of ['missing', 'always'] as const) {
      expect(await start({ run: { container: { image, pull } } }).end()).toMatchObject({
        outcome: 'failed',
        error: { code: 'E_IMAGE', message: expect.stringMatching(/^pull localhost:1\/nowhere:1: .*refused/) },
      })
    }
  })

  it('whose program is not in the image says so', async () => {
    expect(await start({ run: { container: { image: IMAGE, argv: ['/nowhere'] } } }).end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_NOT_FOUND', message: expect.stringContaining('/nowhere') },
    })
    // An exit code of its own is told apart from the engine's.
    expect(await start({ run: sh('exit 127') }).end()).toMatchObject({
      error: { code: 'E_EXIT', message: 'the container ended with code 127' },
    })
  })

  it('that the engine refuses says why', async () => {
    const refused = start({ run: sh('true') }, { containerOption: ['--no-such-option'] })
    expect(await refused.end()).toMatchObject({
      outcome: 'failed',
      error: { code: 'E_START', message: expect.stringContaining('no-such-option') },
    })
  })

  it('is held to the memory that the task states', async () => {
    const spec = { run: sh('x=a; while :; do x=$x$x; done'), resources: { memory: '16Mi' } }
    const end = await start(spec).end()
    expect(end).toMatchObject({
      outcome: 'failed',
      result: { exitCode: 137, limits: { memory: 'container' } },
    })
    expect(end.error?.message).toContain('memory')
  })

  it('has the cpu that the task states as a share or a quota, where limits are on', async () => {
    const read =
      'cd /sys/fs/cgroup; busybox cat cpu.weight cpu.max cpu/cpu.shares cpu/cpu.cfs_quota_us 2>/dev/null; true'
    const spec = { run: sh(read), resources: { cpu: '250m' } }
    const share = await start(spec).end()
    expect(share).toMatchObject({ outcome: 'succeeded', result: { limits: { cpu: 'container share' } } })
    expect(share.result?.stdout).toMatch(/^(?:256\n-1|10\nmax)/)
    const quota = await start(spec, { cpuLimit: 'quota' }).end()
    expect(quota.result).toMatchObject({ limits: { cpu: 'container quota' } })
    expect(quota.result?.stdout).toMatch(/25000/)
    // This runtime refuses that option, so what is told is all that shows.
    const off = await start(spec, { containerOption: ['--cgroups', 'disabled'] }).end()
    expect(off.result?.limits).toEqual({ cpu: 'none' })
  })

  it('that its agent left behind is found by its label and removed', async () => {
    const { text, log } = start({ run: sh('echo begun; while :; do busybox sleep 1; done') })
    await until(() => text().includes('begun'), 'the first line', 60_000)
    expect(await reapContainers(engine(), `${data}x`, log)).toBe(0)
    expect(await reapContainers(engine(), data, log)).toBe(1)
    expect(podman.call('ps', '--all', '--quiet')).toBe('')
  })
})

describe('the engine', () => {
  const program = (script: string) => {
    const file = join(data, 'engine')
    writeFileSync(file, `#!/bin/sh\n${script}\n`)
    chmodSync(file, 0o755)
    return file
  }

  it('that works is found', async () => {
    const containerEngine = program('[ "$1 $2" = "--flag info" ]')
    const found = await findEngine({ containerEngine, containerGlobal: ['--flag'] })
    expect(found?.program).toBe(containerEngine)
  })

  it('that does not work keeps the agent from starting only when it was asked for', async () => {
    const containerEngine = program('echo "first line" >&2; echo "Error: no daemon" >&2; exit 1')
    await expect(findKinds({ containerEngine }, DEFAULT_LIMITS, recordLog())).rejects.toMatchObject({
      code: 'E_ENGINE',
      message: `${containerEngine} info: no daemon`,
    })
    await expect(
      findKinds({ containerEngine: join(data, 'nowhere') }, DEFAULT_LIMITS, recordLog()),
    ).rejects.toMatchObject({ code: 'E_ENGINE', message: expect.stringContaining('ENOENT') })
  })

  it('does not see the password of the broker', async () => {
    process.env['COVEY_PASSWORD'] = 'secret'
    const answer = await new ContainerEngine(program('env'), {}).ask(['x'])
    delete process.env['COVEY_PASSWORD']
    expect(answer.code).toBe(0)
    expect(answer.stdout).not.toContain('secret')
  })

  it('that never answers is given up', async () => {
    const answer = await new ContainerEngine(program('exec sleep 600'), {}).ask(['x'], 100)
    expect(answer.code).toBeUndefined()
  })
})
