/**
 * Faults: agents that are killed, the coordinator among them, alone and all at once. Whatever dies, every task that
 * the broker acknowledged ends exactly once.
 */
import { rmSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BROKERS, type BrokerKind, startBroker, type TestBroker } from './mesh/brokers.ts'
import { Mesh } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'
import {
  DEVICES,
  expectAllDone,
  expectNoOverlap,
  expectOneCoordinator,
  FROZEN_LIMIT_MS,
  rerouted,
  roles,
  runOn,
  successor,
  tell,
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
      mesh = await Mesh.open(stage, broker, `faults${++meshes}`)
    })
    afterEach(async () => {
      for (const agent of mesh.agents.values()) {
        agent.kill('SIGCONT')
        await agent.ended('SIGKILL')
      }
    })
    killTests(on.kind)
    restartTests()
    // What the broker does makes no difference here.
    if (on.kind === 'embedded') outageTests()
  })
}

function killTests(kind: BrokerKind): void {
  it('a device that is killed loses none of its tasks', async () => {
    await mesh.start(DEVICES)
    const victim = roles(mesh).others[0] ?? ''
    const witnesses = await runOn(mesh, victim, 4)
    const killedMs = performance.now()
    mesh.program(victim).kill('SIGKILL')
    tell(kind, 'reroute after the death of a device:', killedMs, await rerouted(mesh, witnesses, [victim]))
    await expectAllDone(mesh, witnesses)
  })

  it('a coordinator that is killed while tasks run on it loses none of them, nor what is submitted meanwhile', async () => {
    await mesh.start(DEVICES)
    const { boss, term } = roles(mesh)
    const witnesses = await runOn(mesh, boss, 4)
    const killedMs = performance.now()
    mesh.program(boss).kill('SIGKILL')
    const meanwhile = new Witnesses(mesh, 'meanwhile', 10)
    meanwhile.open()
    await meanwhile.submit()
    tell(kind, 'failover after the death of the coordinator:', killedMs, await successor(mesh, term))
    tell(
      kind,
      'reroute after the death of the coordinator:',
      killedMs,
      await rerouted(mesh, witnesses, [boss]),
    )
    await expectAllDone(mesh, witnesses, meanwhile)
  })

  it('a coordinator that is killed while it places tasks loses none of them', async () => {
    await mesh.start(DEVICES)
    const { boss, term } = roles(mesh)
    const witnesses = new Witnesses(mesh, 'flood', 40)
    witnesses.open()
    const submitted = witnesses.submit()
    const { observer } = mesh
    await observer.until(() => observer.events('placed').length > 0, 'the first task to be placed')
    mesh.program(boss).kill('SIGKILL')
    await submitted
    await successor(mesh, term)
    await expectAllDone(mesh, witnesses)
  })

  it('the coordinator and a device that are killed at once lose none of their tasks', async () => {
    await mesh.start(DEVICES)
    const { boss, term, others } = roles(mesh)
    const [victim = '', survivor = ''] = others
    const onVictim = await runOn(mesh, victim, 3)
    const onBoss = await runOn(mesh, boss, 3)
    const killedMs = performance.now()
    mesh.program(boss).kill('SIGKILL')
    mesh.program(victim).kill('SIGKILL')
    tell(kind, 'failover after the death of both:', killedMs, await successor(mesh, term))
    await rerouted(mesh, onVictim, [boss, victim])
    tell(kind, 'reroute after the death of both:', killedMs, await rerouted(mesh, onBoss, [boss, victim]))
    expect(mesh.beacon().agent).toBe(survivor)
    await expectAllDone(mesh, onVictim, onBoss)
  })
}

function restartTests(): void {
  it('an agent that is killed and started again ends what it had left running before anything runs anew', async () => {
    await mesh.start(['pi-1', 'pi-2'])
    const { boss, others } = roles(mesh)
    const device = others[0] === 'pi-3' ? 'pi-2' : (others[0] ?? '')
    const witnesses = new Witnesses(mesh, 'restart', 3)
    await mesh.observer.publish(`devices/${boss}/desired`, { cordon: true })
    await witnesses.submit()
    await witnesses.running()
    const before = witnesses.alive()
    expect(before.map((trace) => trace.device)).toEqual([device, device, device])
    await mesh.program(device).ended('SIGKILL')
    expect(witnesses.alive()).toHaveLength(3)
    await mesh.agent(device)
    await mesh.observer.until(() => before.every(({ pid }) => !isAlive(pid)), 'the orphans to be ended')
    const runs = () => witnesses.alive().length === 3
    await mesh.observer.until(runs, 'the tasks to run again', FROZEN_LIMIT_MS)
    await expectAllDone(mesh, witnesses)
    expectNoOverlap(witnesses)
  })

  it('a mesh of one agent that is killed goes on where it was', async () => {
    await mesh.start(['pi-1'])
    const { term } = mesh.beacon()
    const witnesses = new Witnesses(mesh, 'alone', 3)
    await witnesses.submit()
    await witnesses.running()
    await mesh.program('pi-1').ended('SIGKILL')
    const later = new Witnesses(mesh, 'later', 3)
    await later.submit()
    await mesh.agent('pi-1')
    await successor(mesh, term)
    await Promise.all([witnesses, later].map((one) => one.running(FROZEN_LIMIT_MS)))
    await expectAllDone(mesh, witnesses, later)
    expectNoOverlap(witnesses)
    expectNoOverlap(later)
  })
}

/** Faults of everything at once, as when a fuse blows; the broker is somewhere else. */
function outageTests(): void {
  it('all agents killed and started again end every task once', async () => {
    await mesh.start(DEVICES)
    const { term } = mesh.beacon()
    const running = new Witnesses(mesh, 'running', 6)
    const waiting = new Witnesses(mesh, 'waiting', 3)
    await running.submit()
    await waiting.submit({ where: { fuse: 'new' } })
    await running.running()
    const before = running.alive()
    await Promise.all(DEVICES.map((id) => mesh.program(id).ended('SIGKILL')))
    await Promise.all(DEVICES.map((id) => mesh.agent(id, { labels: { fuse: 'new' } })))
    await successor(mesh, term)
    const ended = () => before.every(({ pid }) => !isAlive(pid))
    await mesh.observer.until(ended, 'what was left running to be ended')
    await expectAllDone(mesh, running, waiting)
    await expectOneCoordinator(mesh, DEVICES)
  })

  it('a device whose disk was wiped while its tasks ran comes back as a new one, and they end once', async () => {
    await mesh.start(DEVICES)
    const victim = roles(mesh).others[0] ?? ''
    const witnesses = await runOn(mesh, victim, 3)
    const before = mesh.observer.state(victim)?.incarnation ?? 0
    await mesh.program(victim).ended('SIGKILL')
    rmSync(mesh.data(victim), { recursive: true })
    await mesh.agent(victim)
    const reborn = () => (mesh.observer.state(victim)?.incarnation ?? 0) > before
    await mesh.observer.until(reborn, 'a higher incarnation')
    await expectAllDone(mesh, witnesses)
    await expectOneCoordinator(mesh, DEVICES)
  })
}
