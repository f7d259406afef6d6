/**
 * Faults: agents killed and frozen, the coordinator among them, and the broker under all of them. Whatever dies,
 * every task that the broker acknowledged ends exactly once.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { compareReigns } from '../shared/protocol/attempt.ts'
import { BROKERS, type BrokerKind, startBroker, type TestBroker } from './mesh/brokers.ts'
import { Mesh } from './mesh/mesh.ts'
import { Stage } from './mesh/stage.ts'
import { isAlive, Witnesses } from './mesh/witness.ts'

/** A frozen device is given up after five heartbeats, a frozen coordinator after three beacons; then work moves. */
const FROZEN_LIMIT_MS = 40_000
const DEVICES = ['pi-1', 'pi-2', 'pi-3'] as const

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
    freezeTests()
    brokerTests(on.kind)
  })
}

/** Tells how long something took; that depends on the machine, so nothing is asserted. */
function tell(kind: BrokerKind, what: string, fromMs: number, toMs: number): void {
  console.log(`${kind}: ${what} ${Math.round(toMs - fromMs)} ms`)
}

/** The device that holds the seat, and the others. */
function roles() {
  const { agent, term } = mesh.beacon()
  return { boss: agent, term, others: DEVICES.filter((id) => id !== agent) }
}

/** Submits witnesses and waits until they run on one device alone. */
async function runOn(device: string, count: number): Promise<Witnesses> {
  const { observer } = mesh
  const cordoned = DEVICES.filter((id) => id !== device && mesh.agents.has(id))
  for (const id of cordoned) await observer.publish(`devices/${id}/desired`, { cordon: true })
  const witnesses = new Witnesses(mesh, device, count)
  await witnesses.submit()
  const where = await mesh.running(witnesses.tasks)
  expect(new Set(where.values())).toEqual(new Set([device]))
  for (const id of cordoned) await observer.publish(`devices/${id}/desired`, null)
  return witnesses
}

/** Waits until all of them run on other devices than those. @returns when the first status said so */
async function rerouted(witnesses: Witnesses, from: readonly string[]): Promise<number> {
  const { observer } = mesh
  const moved = (task: string) => {
    const status = observer.statuses(task).at(-1)
    return status?.state === 'running' && status.device !== undefined && !from.includes(status.device)
  }
  await observer.until(() => witnesses.tasks.every(moved), 'the tasks to run elsewhere', FROZEN_LIMIT_MS)
  return observer.sightings.at(-1)?.atMs ?? 0
}

async function successor(term: number): Promise<number> {
  const { observer } = mesh
  const found = () =>
    observer.sightings.find(
      ({ topic, body }) => topic === 'coordinator' && ((body as { term?: number }).term ?? 0) > term,
    )
  return (await observer.until(found, 'a coordinator of a higher term', FROZEN_LIMIT_MS)).atMs
}

async function expectAllDone(witnesses: Witnesses): Promise<void> {
  witnesses.open()
  const ends = await mesh.expectEndedOnce(witnesses.tasks, 'succeeded', FROZEN_LIMIT_MS)
  for (const end of ends) expect(end.result).toMatchObject({ exitCode: 0, stdout: `${end.task} is done\n` })
  expectReignsGrow()
}

/** No beacon is of a lower reign than one before it. */
function expectReignsGrow(): void {
  const beacons = mesh.observer.beacons()
  const falls = beacons.filter((beacon, i) => i > 0 && compareReigns(beacon, beacons[i - 1] ?? beacon) < 0)
  expect(falls).toEqual([])
}

/** All agents are online again under one coordinator, which is still there two beacons later. */
async function expectOneCoordinator(devices: readonly string[]): Promise<void> {
  const { observer } = mesh
  const online = () => devices.every((id) => observer.state(id)?.online === true)
  await observer.until(online, `${devices.join(', ')} to be online`, FROZEN_LIMIT_MS)
  await mesh.quiet()
  const { nonce } = mesh.beacon()
  await mesh.quiet()
  expect(mesh.beacon().nonce).toBe(nonce)
  expectReignsGrow()
}

function killTests(kind: BrokerKind): void {
  it('a device that is killed loses none of its tasks', async () => {
    await mesh.start(DEVICES)
    const victim = roles().others[0] ?? ''
    const witnesses = await runOn(victim, 4)
    const killedMs = performance.now()
    mesh.program(victim).kill('SIGKILL')
    tell(kind, 'reroute after the death of a device:', killedMs, await rerouted(witnesses, [victim]))
    await expectAllDone(witnesses)
  })

  it('a coordinator that is killed while tasks run on it loses none of them, nor what is submitted meanwhile', async () => {
    await mesh.start(DEVICES)
    const { boss, term } = roles()
    const witnesses = await runOn(boss, 4)
    const killedMs = performance.now()
    mesh.program(boss).kill('SIGKILL')
    const meanwhile = new Witnesses(mesh, 'meanwhile', 10)
    meanwhile.open()
    await meanwhile.submit()
    tell(kind, 'failover after the death of the coordinator:', killedMs, await successor(term))
    tell(kind, 'reroute after the death of the coordinator:', killedMs, await rerouted(witnesses, [boss]))
    await expectAllDone(witnesses)
    await expectAllDone(meanwhile)
  })

  it('a coordinator that is killed while it places tasks loses none of them', async () => {
    await mesh.start(DEVICES)
    const { boss, term } = roles()
    const witnesses = new Witnesses(mesh, 'flood', 40)
    witnesses.open()
    const submitted = witnesses.submit()
    const { observer } = mesh
    await observer.until(() => observer.events('placed').length > 0, 'the first task to be placed')
    mesh.program(boss).kill('SIGKILL')
    await submitted
    await successor(term)
    await expectAllDone(witnesses)
  })

  it('the coordinator and a device that are killed at once lose none of their tasks', async () => {
    await mesh.start(DEVICES)
    const { boss, term, others } = roles()
    const [victim = '', survivor = ''] = others
    const onVictim = await runOn(victim, 3)
    const onBoss = await runOn(boss, 3)
    const killedMs = performance.now()
    mesh.program(boss).kill('SIGKILL')
    mesh.program(victim).kill('SIGKILL')
    tell(kind, 'failover after the death of both:', killedMs, await successor(term))
    await rerouted(onVictim, [boss, victim])
    tell(kind, 'reroute after the death of both:', killedMs, await rerouted(onBoss, [boss, victim]))
    expect(mesh.beacon().agent).toBe(survivor)
    await expectAllDone(onVictim)
    await expectAllDone(onBoss)
  })
}

function restartTests(): void {
  it('an agent that is killed and started again ends what it had left running before anything runs anew', async () => {
    await mesh.start(['pi-1', 'pi-2'])
    const { boss, others } = roles()
    const device = others[0] === 'pi-3' ? 'pi-2' : (others[0] ?? '')
    const witnesses = new Witnesses(mesh, 'restart', 3)
    await mesh.observer.publish(`devices/${boss}/desired`, { cordon: true })
    await witnesses.submit()
    await mesh.running(witnesses.tasks)
    const before = witnesses.alive()
    expect(before.map((trace) => trace.device)).toEqual([device, device, device])
    await mesh.program(device).ended('SIGKILL')
    expect(witnesses.alive()).toHaveLength(3)
    await mesh.agent(device)
    await mesh.observer.until(() => before.every(({ pid }) => !isAlive(pid)), 'the orphans to be ended')
    const runs = () => witnesses.alive().length === 3
    await mesh.observer.until(runs, 'the tasks to run again', FROZEN_LIMIT_MS)
    await expectAllDone(witnesses)
    expectNoOverlap(witnesses)
  })

  it('a mesh of one agent that is killed goes on where it was', async () => {
    await mesh.start(['pi-1'])
    const { term } = mesh.beacon()
    const witnesses = new Witnesses(mesh, 'alone', 3)
    await witnesses.submit()
    await mesh.running(witnesses.tasks)
    await mesh.program('pi-1').ended('SIGKILL')
    const later = new Witnesses(mesh, 'later', 3)
    await later.submit()
    await mesh.agent('pi-1')
    await successor(term)
    await mesh.running([...witnesses.tasks, ...later.tasks], FROZEN_LIMIT_MS)
    await expectAllDone(witnesses)
    await expectAllDone(later)
    expectNoOverlap(witnesses)
    expectNoOverlap(later)
  })
}

/** No attempt found an earlier one of its task alive, and the last one came to its end. */
function expectNoOverlap(witnesses: Witnesses): void {
  for (const task of witnesses.tasks) {
    const traces = witnesses.traces(task)
    expect(
      traces.filter(({ what }) => what === 'overlap'),
      JSON.stringify(traces),
    ).toEqual([])
    expect(traces.filter(({ what }) => what === 'stop')).toHaveLength(1)
    expect(traces.at(-1)?.what).toBe('stop')
  }
}

function freezeTests(): void {
  it('a device that was frozen until its tasks had moved ends what it still runs, and they end once', async () => {
    await mesh.start(DEVICES)
    const victim = roles().others[0] ?? ''
    const witnesses = await runOn(victim, 3)
    const stale = witnesses.alive()
    mesh.program(victim).kill('SIGSTOP')
    await rerouted(witnesses, [victim])
    mesh.program(victim).kill('SIGCONT')
    const { observer } = mesh
    const ended = () => stale.every(({ pid }) => !isAlive(pid))
    await observer.until(ended, 'the frozen attempts to be ended', FROZEN_LIMIT_MS)
    await expectAllDone(witnesses)
    await expectOneCoordinator(DEVICES)
  })

  it('a coordinator that was frozen until another had the seat gives way, and nothing ends twice', async () => {
    await mesh.start(DEVICES)
    const { boss, term, others } = roles()
    const witnesses = await runOn(others[0] ?? '', 3)
    mesh.program(boss).kill('SIGSTOP')
    const meanwhile = new Witnesses(mesh, 'meanwhile', 5)
    meanwhile.open()
    await meanwhile.submit()
    await successor(term)
    for (const task of meanwhile.tasks) await mesh.observer.ended(task, FROZEN_LIMIT_MS)
    mesh.program(boss).kill('SIGCONT')
    await expectOneCoordinator(DEVICES)
    await expectAllDone(meanwhile)
    await expectAllDone(witnesses)
    // Attempts outlive the coordinator that began them.
    for (const task of witnesses.tasks) {
      expect(witnesses.traces(task).map(({ what }) => what)).toEqual(['start', 'stop'])
    }
  })
}

function brokerTests(kind: BrokerKind): void {
  // Mosquitto acknowledges before it writes; what it keeps of the last moment before a kill is not promised.
  const signal = kind === 'embedded' ? 'SIGKILL' : 'SIGTERM'
  it(`a broker that ends by ${signal} and starts again brings all agents back and loses no task`, async () => {
    await mesh.start(DEVICES)
    const { boss } = roles()
    const witnesses = await runOn(boss, 3)
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
    await expectAllDone(flood)
    await expectAllDone(witnesses)
    await expectOneCoordinator(DEVICES)
  })
}
