/** Modules and artifacts through the whole mesh: put with the program, fetched by devices, run, and seen from outside. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readProcess } from '../agent/shell/process-table.ts'
import type { Role } from '../broker/passwords.ts'
import { startArtifactServer, type TestServer } from './artifact-server.ts'
import { BROKERS, COVEY, startBroker, type TestBroker } from './mesh/brokers.ts'
import { Mesh } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'
import * as modules from './wasm-modules.ts'
import { artifactNameOf } from './wasm-modules.ts'

const USERS: Readonly<Record<string, Role>> = {
  bare: 'coordinator',
  handy: 'device',
  ben: 'submitter',
  ann: 'operator',
}

let stage: Stage
let broker: TestBroker
let mesh: Mesh

/** Runs `covey` as that user of the mesh. */
function covey(user: string, ...words: string[]) {
  const env = {
    ...process.env,
    COVEY_BROKER: broker.url,
    COVEY_MESH: mesh.name,
    COVEY_USERNAME: user,
    COVEY_PASSWORD: broker.password,
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [COVEY, ...words], {
    env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

/** A file of the stage with that content. */
function file(name: string, content: string | Uint8Array): string {
  const path = mesh.file(name)
  writeFileSync(path, content)
  return path
}

async function put(content: Uint8Array): Promise<string> {
  return covey('ben', 'artifact', 'put', file('put', content)).stdout.trim()
}

beforeAll(async () => {
  stage = new Stage()
  broker = await startBroker(stage, 'embedded', { users: USERS })
  mesh = await Mesh.open(stage, broker, 'modules')
  await Promise.all([
    mesh.agent('bare', { coordinator: 'prefer', executors: ['exec'] }),
    mesh.agent('handy', { coordinator: 'never', executors: ['exec', 'wasm'] }),
  ])
  await mesh.serving(2)
})
afterAll(() => stage.close())

describe('artifacts', () => {
  it('are put, listed and removed by those who may', () => {
    const path = file('notes', 'to be kept')
    const name = artifactNameOf('to be kept')
    expect(covey('ben', 'artifact', 'put', path)).toEqual({ status: 0, stdout: `${name}\n`, stderr: '' })
    const again = covey('ben', 'artifact', 'put', '--json', path)
    expect(JSON.parse(again.stdout)).toEqual({ file: path, name, bytes: 10, existed: true })
    expect(covey('ben', 'artifact', 'list').stdout).toContain(`${name}  10\n`)
    const denied = covey('handy', 'artifact', 'put', file('other', 'not by a device'))
    expect(denied).toMatchObject({ status: 1, stderr: expect.stringContaining('E_DENIED') })
    expect(covey('ben', 'artifact', 'remove', name)).toMatchObject({ status: 1 })
    expect(covey('ann', 'artifact', 'remove', name)).toMatchObject({ status: 0 })
    expect(covey('ann', 'artifact', 'remove', name).stderr).toContain('E_ARTIFACT')
    expect(covey('ben', 'artifact', 'putt', path)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('Did you mean "put"?'),
    })
    expect(covey('ben', 'artifact', 'put', mesh.file('nowhere')).stderr).toContain('E_USAGE')
  })

  it('are files of a command, put by who runs it', () => {
    const words = ['run', '--artifact', `a.txt=${file('hello', 'hello')}`, '--', 'cat', 'artifacts/a.txt']
    expect(covey('ben', ...words)).toMatchObject({ status: 0, stdout: 'hello' })
  })
})

describe('modules', () => {
  it('are placed where they can run, and get what commands get', async () => {
    expect(mesh.observer.state('handy')?.executors).toEqual(['exec', 'wasm'])
    const path = file('args.wasm', modules.tells('args'))
    expect(covey('ben', 'run', '--wasm', path, '--', 'one', '--two')).toMatchObject({
      status: 0,
      stdout: 'module.wasm\0one\0--two\0',
    })
    const name = await put(modules.says('oh\n', 7))
    expect(covey('ben', 'run', '--wasm', name)).toMatchObject({ status: 7, stdout: 'oh\n' })
    const echo = await put(modules.echoes())
    await mesh.submit('each', { run: { wasm: { module: echo } }, array: ['a', 'b', { c: 1 }] })
    expect(await mesh.observer.ended('each')).toMatchObject({ state: 'succeeded' })
    await mesh.submit('limits', { run: { wasm: { module: echo } }, resources: { memory: '4Mi' } })
    expect(await mesh.observer.ended('limits')).toMatchObject({
      state: 'succeeded',
      device: 'handy',
      result: { exitCode: 0, limits: { memory: 'wasm' } },
    })
    expect(covey('ben', 'explain', 'limits').stdout).toContain('memory held by wasm')
  })

  it('that loop are ended at their timeout, while the device is heard', async () => {
    const module = await put(modules.loops())
    await mesh.submit('loop', { run: { wasm: { module } }, timeout: '1s', grace: '100ms' })
    expect(await mesh.observer.ended('loop')).toMatchObject({
      state: 'timed_out',
      error: { code: 'E_TIMEOUT' },
      lost: 0,
    })
    expect(mesh.observer.state('handy')?.online).toBe(true)
  })

  it('that are not there fail, and are tried again as often as the task says', async () => {
    await mesh.submit('absent', {
      run: { wasm: { module: artifactNameOf('absent') } },
      retries: { failed: 1 },
    })
    expect(await mesh.observer.ended('absent')).toMatchObject({
      state: 'failed',
      attempts: 2,
      error: { code: 'E_ARTIFACT', message: expect.stringContaining('no artifact') },
    })
  })

  it('that a killed agent left running are ended by its next start, and run again', async () => {
    const module = await put(modules.dozes())
    await mesh.submit('orphan', { run: { wasm: { module } }, timeout: '10m' })
    await mesh.running(['orphan'])
    const journal = mesh.data('handy')
    const pid = await mesh.observer.until(() => pidIn(journal), 'the process in the journal')
    // One that has not begun yet would end by itself.
    await mesh.observer.until(() => mesh.observer.log('orphan').length > 0, 'the module to print')
    await mesh.program('handy').ended('SIGKILL')
    expect(readProcess(pid)?.state ?? 'Z').not.toBe('Z')
    await mesh.agent('handy', { coordinator: 'never', executors: ['exec', 'wasm'] })
    // What was told to die may take a moment for it.
    await mesh.observer.until(() => (readProcess(pid)?.state ?? 'Z') === 'Z', 'the process to end')
    await mesh.observer.until(
      () => mesh.observer.statuses('orphan').some(({ lost }) => lost === 1),
      'the loss',
    )
    await mesh.withdraw('orphan')
    expect(await mesh.observer.ended('orphan')).toMatchObject({ state: 'cancelled' })
  })
})

/** The one process that the journal of an agent names. */
function pidIn(data: string): number | undefined {
  const { stdout } = spawnSync('grep', ['-o', '"pid": *[0-9]*', `${data}/journal.json`], { encoding: 'utf8' })
  const pid = /\d+/.exec(stdout)?.[0]
  return pid === undefined ? undefined : Number(pid)
}

const mosquitto = BROKERS.find(({ kind }) => kind === 'mosquitto')
describe.skipIf(mosquitto?.available !== true)('with artifacts on a server of their own', () => {
  let server: TestServer
  let other: Mesh
  beforeAll(async () => {
    server = await startArtifactServer()
    stage.later(() => server.close())
    const place = new Stage()
    stage.later(() => place.close())
    other = await Mesh.open(place, await startBroker(place, 'mosquitto'), 'elsewhere')
    const argv = ['--artifacts', server.url]
    await other.agent('named', { coordinator: 'prefer', executors: ['wasm'], labels: { named: 'yes' }, argv })
    await other.agent('unnamed', { coordinator: 'never', executors: ['wasm'], labels: { named: 'no' } })
    await other.serving(2)
  })

  it('modules come from there', async () => {
    const module = server.keep(modules.says('from elsewhere\n'))
    await other.submit('there', { run: { wasm: { module } }, where: { named: 'yes' } })
    expect(await other.observer.ended('there')).toMatchObject({
      state: 'succeeded',
      result: { stdout: 'from elsewhere\n' },
    })
    await other.submit('nowhere', { run: { wasm: { module } }, where: { named: 'no' } })
    const { state, error } = await other.observer.ended('nowhere')
    expect({ state, error }).toMatchObject({ state: 'failed', error: { code: 'E_ARTIFACT' } })
    expect(error?.remedy).toContain('--artifacts')
  })
})
