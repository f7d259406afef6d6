/**
 * Faults of what is still there: devices and coordinators that are frozen and thaw again, and the broker, frozen or
 * ended and started again, under all of them.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BROKERS, type BrokerKind, startBroker, type TestBroker } from './mesh/brokers.ts'
import { Mesh } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'
import {
  DEVICES,
  expectAllDone,
  expectOneCoordinator,
  FROZEN_LIMIT_MS,
  rerouted,
  roles,
  runOn,
  successor,
} from './mesh/trial.ts'
import { isAlive, Witnesses } from './mesh/witness.ts'

let stage: Stage
let broker: TestBroker
let mesh: Mesh
let meshes = 0

for (const on of BROKERS) {
  describe.skipIf(!on.available)(`on ${on.kind}`, () => {
    beforeAll(async () => {
      stage = new Stage()
      broker = await startBroker(stage, on.kind)
    })
    afterAll(() => stage.close())
    beforeEach(async () => {
      mesh = await Mesh.open(stage, broker, `thaw${++meshes}`)
    })
    afterEach(async () => {
      for (const agent of mesh.agents.values()) {
        agent.kill('SIGCONT')
        await agent.ended('SIGKILL')
      }
    })
    freezeTests()
    // It takes long, and what the broker is makes no difference to it.
    if (on.kind === 'embedded') frozenBrokerTests()
    brokerTests(on.kind)
  })
}

function freezeTests(): void {
  it('a device that was frozen until its tasks had moved ends what it still runs, and they end once', async () => {
    await mesh.start(DEVICES)
    const victim = roles(mesh).others[0] ?? ''
    const witnesses = await runOn(mesh, victim, 3)
    const stale = witnesses.alive()
    mesh.program(victim).kill('SIGSTOP')
    await rerouted(mesh, witnesses, [victim])
    mesh.program(victim).kill('SIGCONT')
    const { observer } = mesh
    const ended = () => stale.every(({ pid }) => !isAlive(pid))
    await observer.until(ended, 'the frozen attempts to be ended', FROZEN_LIMIT_MS)
    await expectAllDone(mesh, witnesses)
    await expectOneCoordinator(mesh, DEVICES)
  })

  it('a coordinator that was frozen until another had the seat gives way, and nothing ends twice', async () => {
    await mesh.start(DEVICES)
    const { boss, term, others } = roles(mesh)
    const witnesses = await runOn(mesh, others[0] ?? '', 3)
    mesh.program(boss).kill('SIGSTOP')
    const meanwhile = new Witnesses(mesh, 'meanwhile', 5)
    meanwhile.open()
    await meanwhile.submit()
    await successor(mesh, term)
    for (const task of meanwhile.tasks) await mesh.observer.ended(task, FROZEN_LIMIT_MS)
    mesh.program(boss).kill('SIGCONT')
    await expectOneCoordinator(mesh, DEVICES)
    await expectAllDone(mesh, meanwhile, witnesses)
    // Attempts outlive the coordinator that began them.
    for (const task of witnesses.tasks) {
      expect(witnesses.traces(task).map(({ what }) => what)).toEqual(['start', 'stop'])
    }
  })
}

function frozenBrokerTests(): void {
  it('a broker that stands still for a while finds its mesh again, and nothing ends twice', async () => {
    await mesh.start(DEVICES)
    const { boss } = roles(mesh)
    const witnesses = await runOn(mesh, boss, 3)
    const { observer } = mesh
    broker.program.kill('SIGSTOP')
    const noticed = (id: string) =>
      mesh.program(id).stderr.some((line) => line.includes('E_BROKER_UNREACHABLE'))
    await observer.until(() => DEVICES.every(noticed), 'all agents to notice', FROZEN_LIMIT_MS)
    broker.program.kill('SIGCONT')
    await expectOneCoordinator(mesh, DEVICES)
    await expectAllDone(mesh, witnesses)
  })
}

function brokerTests(kind: BrokerKind): void {
  // Mosquitto acknowledges before it writes; what it keeps of the last moment before a kill is not promised.
  const signal = kind === 'embedded' ? 'SIGKILL' : 'SIGTERM'
  it(`a broker that ends by ${signal} and starts again brings all agents back and loses no task`, async () => {
    await mesh.start(DEVICES)
    const { boss } = roles(mesh)
    const witnesses = await runOn(mesh, boss, 3)
    const flood = new Witnesses(mesh, 'flood', 30)
    const submitted = flood.submit()
    const { observer } = mesh
    await observer.until(() => observer.events('placed').length > 5, 'some to be placed')
    await broker.program.ended(signal)
    await observer.until(() => !observer.connected, 'the onlooker to notice')
    broker = await startBroker(stage, kind, { port: broker.port })
    // The onlooker sends again what was not acknowledged, so that in the end all were.
    await submitted
    flood.open()
    await expectAllDone(mesh, flood, witnesses)
    await expectOneCoordinator(mesh, DEVICES)
  })
}
