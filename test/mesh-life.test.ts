/** The life of tasks and devices, by real agents on real brokers: what a user is promised, seen from outside. */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TaskStatus } from '../shared/protocol/schemas/index.ts'
import { enoughTime } from './enough-time.ts'
import { BROKERS, COVEY, startBroker, type TestBroker } from './mesh/brokers.ts'
import { Mesh, shell } from './mesh/mesh.ts'
import { refusal } from './mesh/refusal.ts'
import { Stage } from './mesh/stage.ts'

let stage: Stage
let broker: TestBroker
let meshes = 0

const openMesh = () => Mesh.open(stage, broker, `life${++meshes}`)

for (const on of BROKERS) {
  describe.skipIf(!on.available)(`on ${on.kind}`, () => {
    beforeAll(async () => {
      stage = new Stage()
      broker = await startBroker(stage, on.kind)
    })
    afterAll(() => stage.close())

    describe('tasks on two devices', () => {
      let mesh: Mesh
      beforeAll(async () => {
        mesh = await openMesh()
        await Promise.all([
          mesh.agent('pi-1', { labels: { room: 'attic', 'free-gb': '20' }, coordinator: 'prefer' }),
          mesh.agent('pi-2', { labels: { room: 'cellar', 'free-gb': '80' } }),
        ])
        await mesh.serving(2)
      })
      afterAll(() => Promise.all([...mesh.agents.values()].map((agent) => agent.ended('SIGKILL'))))
      taskTests(() => mesh)
    })

    describe('a mesh of its own', () => {
      let mesh: Mesh
      afterEach(async () => {
        for (const agent of mesh.agents.values()) await agent.ended('SIGKILL')
      })
      deviceTests(async () => {
        mesh = await openMesh()
        return mesh
      })
    })
  })
}

function taskTests(the: () => Mesh): void {
  const counted = (file: string) => readFileSync(the().file(file), 'utf8').trim().split('\n')

  it('runs a task and returns its result', async () => {
    const status = await the().run('hello', 'echo "$COVEY_TASK runs"; echo careful >&2')
    expect(status).toMatchObject({
      task: 'hello',
      state: 'succeeded',
      attempts: 1,
      failed: 0,
      lost: 0,
      result: { exitCode: 0, stdout: 'hello runs\n', stderr: 'careful\n' },
    })
    expect(['pi-1', 'pi-2']).toContain(status.device)
    const { observer } = the()
    const { term, agent } = status.attempt ?? {}
    expect(observer.beacons()).toContainEqual(expect.objectContaining({ term, agent }))
    await observer.until(() => observer.cleared('tasks/hello/spec'), 'the spec to be cleared')
    expect(observer.last<TaskStatus>('tasks/hello/status')?.state).toBe('succeeded')
    expect(observer.ends('hello')).toHaveLength(1)
  })

  it.each<[string, Record<string, string | string[]>, string]>([
    ['a value', { room: 'cellar' }, 'pi-2'],
    ['a list', { room: ['attic', 'roof'] }, 'pi-1'],
    ['a comparison', { 'free-gb': '>= 50' }, 'pi-2'],
    ['an exclusion', { room: '!= cellar' }, 'pi-1'],
  ])('places a task by %s of a label', async (what, where, device) => {
    const id = `where-${what.replaceAll(' ', '-')}`
    const status = await the().run(id, 'echo "$COVEY_DEVICE"', { where })
    expect(status).toMatchObject({ state: 'succeeded', device, result: { stdout: `${device}\n` } })
  })

  it('starts what matters more first', async () => {
    // One at a time: a task takes a whole device, and the first keeps it until all are known.
    const where = { room: 'attic' }
    const resources = { cpu: '4', memory: '64Mi' }
    const gate = the().file('gate')
    const order = the().file('order')
    // Of the highest priority, so that none of them preempts it.
    await the().submit(
      'gate',
      shell(`until [ -e ${gate} ]; do sleep 0.05; done`, { where, resources, priority: 100 }),
    )
    await the().running(['gate'])
    const names = ['low', 'high', 'mid']
    for (const [i, priority] of [10, 90, 50].entries()) {
      const script = `echo ${names[i]} >> ${order}`
      await the().submit(`prio-${names[i]}`, shell(script, { where, resources, priority }))
    }
    for (const name of names) await the().observer.inState(`prio-${name}`, 'pending')
    await the().run('open-gate', `touch ${gate}`, { where: { room: 'cellar' } })
    for (const name of names)
      expect(await the().observer.ended(`prio-${name}`)).toMatchObject({ state: 'succeeded' })
    expect(counted('order')).toEqual(['high', 'mid', 'low'])
  })

  it('runs a task again that failed, after a back-off, as often as it asks', async () => {
    const file = the().file('tries')
    const script = `echo try >> ${file}; [ $(wc -l < ${file}) -ge 3 ] && echo third || exit 7`
    const status = await the().run('retry', script, { retries: { failed: 3 } })
    expect(status).toMatchObject({
      state: 'succeeded',
      attempts: 3,
      failed: 2,
      lost: 0,
      result: { exitCode: 0, stdout: 'third\n' },
    })
    expect(counted('tries')).toHaveLength(3)
    const waits = status.history?.filter(({ text }) => /failed on .*: .*; again in \d+ ms$/.test(text))
    expect(waits).toHaveLength(2)
  })

  it('says how a command failed', async () => {
    expect(await the().run('exit-code', 'echo out; exit 42')).toMatchObject({
      state: 'failed',
      attempts: 1,
      failed: 1,
      result: { exitCode: 42, stdout: 'out\n' },
      error: { code: 'E_EXIT' },
    })
    expect(await the().run('by-signal', 'kill -9 $$')).toMatchObject({
      state: 'failed',
      result: { signal: 'SIGKILL' },
      error: { code: 'E_SIGNAL' },
    })
    await the().submit('no-command', { run: { exec: ['no-such-command-anywhere'] } })
    const missing = await the().observer.ended('no-command')
    expect(missing).toMatchObject({ state: 'failed', error: { code: 'E_NOT_FOUND' } })
    expect(missing.error?.message).toContain('no-such-command-anywhere')
  })

  it.each<[string, unknown, string]>([
    ['an argument with a NUL', { exec: ['echo', 'a\0b'] }, 'failed|rejected E_START|E_SHAPE'],
    ['a variable with a NUL', { exec: ['env'], env: { A: 'a\0b' } }, 'failed|rejected E_START|E_SHAPE'],
    ['an argument that no system takes', { exec: ['echo', 'x'.repeat(131_072)] }, 'failed E_START'],
    ['a working folder that is not there', { exec: ['true'], cwd: '/no/such/folder' }, 'failed E_START'],
    ['a working folder that is a file', { exec: ['true'], cwd: '/etc/passwd' }, 'failed E_START'],
    ['a program that is a folder', { exec: ['/tmp'] }, 'failed E_NOT_FOUND|E_START'],
    ['a program that is no program', { exec: ['/etc/passwd'] }, 'failed E_NOT_FOUND|E_START'],
    ['an empty name of a program', { exec: [''] }, 'failed|rejected E_NOT_FOUND|E_START|E_SHAPE'],
  ])('survives %s, and says what was wrong', async (what, run, wanted) => {
    const id = `hostile-${what.replace(/\W/g, '-')}`
    const { observer } = the()
    await observer.publish(`tasks/${id}/spec`, { run })
    const { state, error, attempts } = await observer.ended(id)
    const [states = '', codes = ''] = wanted.split(' ')
    expect(states.split('|'), error?.message).toContain(state)
    expect(codes.split('|'), error?.message).toContain(error?.code)
    expect(attempts).toBeLessThanOrEqual(1)
    expect(await the().run(`after-${id}`, 'echo on')).toMatchObject({ state: 'succeeded' })
  })

  it('takes names from specs for what they are, also those that JavaScript has already', async () => {
    const { observer } = the()
    const run = '{"exec":["sh","-c","cat"],"env":{"__proto__":"x","constructor":"y"}}'
    await observer.publish('tasks/constructor/spec', `{"run":${run},"input":{"__proto__":{"a":1}}}`)
    const status = await observer.ended('constructor')
    expect(status).toMatchObject({ state: 'succeeded', result: { stdout: '{"__proto__":{"a":1}}\n' } })
    await observer.publish('tasks/toString/spec', '{"run":{"exec":["true"]},"where":{"constructor":"x"}}')
    await observer.waiting('toString', /constructor/)
    await the().withdraw('toString')
    expect(await observer.ended('toString')).toMatchObject({ state: 'cancelled' })
  })

  it('ends a task at its timeout, with its whole group, even one that ignores TERM', async () => {
    const { status, pids } = await enoughTime(
      async (limitMs, nth) => {
        const file = the().file(`stubborn-${nth}`)
        writeFileSync(file, '')
        const script = `trap '' TERM; sh -c 'trap "" TERM; echo $$ >> ${file}; while :; do sleep 0.1; done' & echo $$ >> ${file}; while :; do sleep 0.1; done`
        const limits = { timeout: `${limitMs}ms`, grace: '300ms' }
        const status = await the().run(`stubborn-${nth}`, script, limits)
        return { status, pids: readFileSync(file, 'utf8').trim().split('\n') }
      },
      ({ pids }) => pids.length === 2,
    )
    expect(status).toMatchObject({ state: 'timed_out', failed: 1, error: { code: 'E_TIMEOUT' } })
    expect(status.result?.signal).toBe('SIGKILL')
    expect(pids).toHaveLength(2)
    await the().observer.until(() => !pids.some((pid) => isAlive(Number(pid))), 'the group to be gone')
  })

  it('lets a task that heeds TERM clean up at its timeout', async () => {
    const script = `trap 'echo cleaned; exit 3' TERM; echo ready; while :; do sleep 0.05; done`
    const status = await enoughTime(
      (limitMs, nth) => the().run(`polite-${nth}`, script, { timeout: `${limitMs}ms`, grace: '30s' }),
      ({ result }) => result?.stdout?.startsWith('ready') === true,
    )
    expect(status).toMatchObject({ state: 'timed_out', result: { exitCode: 3, stdout: 'ready\ncleaned\n' } })
  })

  it('hands the input to the command, and its output to the log as it comes', async () => {
    const input = { names: ['Ada', 'Grüße'], n: 3 }
    const status = await the().run('input', 'cat; echo; echo done >&2', { input })
    expect(JSON.parse(status.result?.stdout ?? '')).toEqual(input)
    const { observer } = the()
    const text = (stream: string) =>
      observer
        .log('input')
        .filter((log) => log.stream === stream)
        .map((log) => log.text)
        .join('')
    await observer.until(() => text('stderr') === 'done\n', 'the log of standard error')
    await observer.until(() => text('stdout') === status.result?.stdout, 'the log of standard output')

    const gate = the().file('log-gate')
    await the().submit('live', shell(`echo early; until [ -e ${gate} ]; do sleep 0.05; done; echo late`))
    await observer.until(
      () => observer.log('live').some((log) => log.text === 'early\n'),
      'output before the end',
    )
    expect(observer.ends('live')).toEqual([])
    await the().run('open-log-gate', `touch ${gate}`)
    expect(await observer.ended('live')).toMatchObject({ result: { stdout: 'early\nlate\n' } })
  })

  it('bounds the output that it keeps, and says so', async () => {
    const status = await the().run(
      'chatty',
      'i=0; while [ $i -lt 20000 ]; do echo 0123456789012345678; i=$((i+1)); done',
    )
    expect(status).toMatchObject({ state: 'succeeded', result: { exitCode: 0, truncated: true } })
    const stdout = status.result?.stdout ?? ''
    expect(stdout.startsWith('0123456789012345678\n')).toBe(true)
    expect(stdout.length).toBeGreaterThan(1_000)
    expect(Buffer.byteLength(JSON.stringify(status))).toBeLessThanOrEqual(256 * 1024)
  })

  it('withdraws the status after its ttl, and not the result before it', async () => {
    const { observer } = the()
    await the().run('brief', 'echo here', { ttl: '1s' })
    await the().run('lasting', 'echo there', { ttl: '1h' })
    await observer.until(() => observer.cleared('tasks/brief/status'), 'the status to be cleared')
    expect(observer.cleared('tasks/lasting/status')).toBe(false)
    expect(observer.ends('brief')).toHaveLength(1)
  })

  it('clears the spec of a finished task when it is seen again, and does not run it again', async () => {
    const { observer } = the()
    const file = the().file('again')
    const spec = shell(`echo ran >> ${file}`)
    await the().submit('again', spec)
    await observer.ended('again')
    await observer.until(() => observer.cleared('tasks/again/spec'), 'the spec to be cleared')
    await the().submit('again', spec)
    const clearings = () =>
      observer.sightings.filter(({ topic, body }) => topic === 'tasks/again/spec' && body === undefined)
    await observer.until(() => clearings().length >= 2, 'the spec to be cleared again')
    await the().quiet()
    expect(counted('again')).toEqual(['ran'])
    expect(observer.ends('again')).toHaveLength(1)
  })

  it('refuses other content under the id of a task that runs, and lets the first go on', async () => {
    const { observer } = the()
    const gate = the().file('twice-gate')
    const spec = shell(`until [ -e ${gate} ]; do sleep 0.05; done; echo first`)
    const begin = async (id: string) => {
      await the().submit(id, spec)
      await the().running([id])
    }
    const replace = (id: string) => the().submit(id, shell('echo second'))
    const { id, status } = await refusal(observer, 'twice', begin, replace)
    expect(status.refused?.error.code).toBe('E_ID_TAKEN')
    await observer.until(
      () => JSON.stringify(observer.last(`tasks/${id}/spec`)) === JSON.stringify(spec),
      'the first content to be there again',
    )
    await the().run('open-twice-gate', `touch ${gate}`)
    expect(await observer.ended(id)).toMatchObject({ state: 'succeeded', result: { stdout: 'first\n' } })
  })

  it('gives a task up at its deadline, running or waiting', async () => {
    const { observer } = the()
    const [running, waiting] = await enoughTime(
      async (limitMs, nth) => {
        const deadline = new Date(Date.now() + limitMs).toISOString()
        await the().submit(`late-running-${nth}`, shell('sleep 600', { deadline, grace: '1s' }))
        const where = { room: 'nowhere' }
        await the().submit(`late-waiting-${nth}`, shell('true', { deadline, where }))
        return [
          await observer.ended(`late-running-${nth}`),
          await observer.ended(`late-waiting-${nth}`),
        ] as const
      },
      // What comes after its deadline is rejected.
      ([running, waiting]) => running.attempts === 1 && waiting.state !== 'rejected',
    )
    const late = { state: 'timed_out', error: { code: 'E_DEADLINE' } }
    expect(running).toMatchObject({ ...late, attempts: 1 })
    expect(waiting).toMatchObject({ ...late, attempts: 0 })
  })

  it('is not disturbed by a config that it cannot read, and says what is wrong', async () => {
    const { observer } = the()
    await observer.publish('config', '{"pendingTasksMaximum": 1}')
    await observer.until(
      () => observer.events('rejected').some(({ message }) => message.includes('pendingTasksMaximum')),
      'an event about it',
    )
    expect(await the().run('despite-config', 'echo on')).toMatchObject({ state: 'succeeded' })
    await observer.publish('config', null)
  })
}

function deviceTests(open: () => Promise<Mesh>): void {
  it('keeps a task that no device can take, says truly why, and places it when one joins that can', async () => {
    const mesh = await open()
    const { observer } = mesh
    await mesh.start(['small'], { labels: { arch: 'arm64' }, capacity: { cpu: '1', memory: '64Mi' } })
    await mesh.submit('big', shell('echo "$COVEY_DEVICE"', { resources: { cpu: '500m', memory: '256Mi' } }))
    await mesh.submit('other', shell('echo "$COVEY_DEVICE"', { where: { arch: 'riscv' } }))
    const big = await observer.waiting('big', /memory/)
    await observer.waiting('other', /arch/)
    expect(Object.values(big.reasons ?? {}).reduce((sum, count) => sum + count, 0)).toBe(1)
    await mesh.agent('large', { labels: { arch: 'riscv' }, capacity: { cpu: '1', memory: '512Mi' } })
    for (const id of ['big', 'other']) {
      expect(await observer.ended(id)).toMatchObject({ state: 'succeeded', device: 'large' })
    }
  })

  it('places nothing on a cordoned device, and uses it again afterwards', async () => {
    const mesh = await open()
    const { observer } = mesh
    await mesh.start(['a', 'b'])
    await observer.publish('devices/a/desired', { cordon: true })
    for (let i = 0; i < 6; i++) {
      expect(await mesh.run(`cordoned-${i}`, 'true')).toMatchObject({ state: 'succeeded', device: 'b' })
    }
    await observer.publish('devices/b/desired', { cordon: true })
    await mesh.submit('nowhere', shell('true'))
    await observer.waiting('nowhere', /cordon/)
    await observer.publish('devices/a/desired', null)
    expect(await observer.ended('nowhere')).toMatchObject({ state: 'succeeded', device: 'a' })
  })

  it('hands the tasks of an agent that is stopped to another, and says goodbye', async () => {
    const mesh = await open()
    const { observer } = mesh
    await mesh.start(['boss', 'hand'], { coordinator: 'auto' })
    const held = mesh.beacon().agent
    const other = held === 'boss' ? 'hand' : 'boss'
    const gate = mesh.file('gate')
    const script = `until [ -e ${gate} ]; do sleep 0.05; done; echo "$COVEY_DEVICE"`
    await observer.publish(`devices/${held}/desired`, { cordon: true })
    await mesh.submit('moved', shell(script, { grace: '2s' }))
    expect(await mesh.running(['moved'])).toEqual(new Map([['moved', other]]))
    await observer.publish(`devices/${held}/desired`, null)
    expect(await mesh.program(other).ended('SIGTERM')).toBe(0)
    await observer.until(() => observer.state(other)?.online === false, 'its goodbye')
    await observer.until(() => observer.statuses('moved').at(-1)?.device === held, 'the task to move')
    await mesh.run('open-gate', `touch ${gate}`)
    const [end] = await mesh.expectEndedOnce(['moved'], 'succeeded')
    expect(end).toMatchObject({ device: held, lost: 1, result: { stdout: `${held}\n` } })
  })

  it('hands over the seat at once when the coordinator is stopped in order', async () => {
    const mesh = await open()
    const { observer } = mesh
    await mesh.start(['boss', 'heir'])
    const { agent, term } = mesh.beacon()
    const heir = agent === 'boss' ? 'heir' : 'boss'
    expect(await mesh.program(agent).ended('SIGTERM')).toBe(0)
    await observer.until(
      () => mesh.beacon().agent === heir && mesh.beacon().term > term,
      'the heir in office',
    )
    expect(await mesh.run('after', 'echo still here')).toMatchObject({ state: 'succeeded', device: heir })
  })

  it('says how to start a broker when none answers, goes on trying, and stops when asked to', async () => {
    const mesh = await open()
    const argv = ['agent', '--broker', 'mqtt://127.0.0.1:9', '--id', 'lost', '--data', mesh.data('lost')]
    const agent = stage.spawn('agent lost', process.execPath, [COVEY, ...argv])
    const complaint = () => agent.stderr.find((line) => line.includes('E_BROKER_UNREACHABLE'))
    expect(await agent.until(complaint, 'a complaint')).toContain('covey broker')
    expect(agent.end).toBeUndefined()
    expect(await agent.ended('SIGTERM')).toBe(0)
  })
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z'
  } catch {
    return false
  }
}
