/** What trials of a mesh under faults have in common: who is who, work that can be watched, and what must hold afterwards. */
import { expect } from 'vitest'
import { compareReigns } from '../../shared/protocol/attempt.ts'
import type { BrokerKind } from './brokers.ts'
import type { Mesh } from './mesh.ts'
import { Witnesses } from './witness.ts'

/** A frozen device is given up after five heartbeats, a frozen coordinator after three beacons; then work moves. */
export const FROZEN_LIMIT_MS = 90_000
export const DEVICES = ['pi-1', 'pi-2', 'pi-3'] as const

/** Tells how long something took; that depends on the machine, so nothing is asserted. */
export function tell(kind: BrokerKind, what: string, fromMs: number, toMs: number): void {
  console.log(`${kind}: ${what} ${Math.round(toMs - fromMs)} ms`)
}

/** The device that holds the seat, and the others. */
export function roles(mesh: Mesh) {
  const { agent, term } = mesh.beacon()
  return { boss: agent, term, others: DEVICES.filter((id) => id !== agent) }
}

/** Submits witnesses and waits until they run on one device alone. */
export async function runOn(mesh: Mesh, device: string, count: number): Promise<Witnesses> {
  const { observer } = mesh
  const cordoned = DEVICES.filter((id) => id !== device && mesh.agents.has(id))
  for (const id of cordoned) await observer.publish(`devices/${id}/desired`, { cordon: true })
  const witnesses = new Witnesses(mesh, device, count)
  await witnesses.submit()
  const where = await witnesses.running()
  expect(new Set(where.values())).toEqual(new Set([device]))
  for (const id of cordoned) await observer.publish(`devices/${id}/desired`, null)
  return witnesses
}

/** Waits until all of them run on other devices than those. @returns when the first status said so */
export async function rerouted(mesh: Mesh, witnesses: Witnesses, from: readonly string[]): Promise<number> {
  const { observer } = mesh
  const moved = (task: string) => {
    const status = observer.statuses(task).at(-1)
    return status?.state === 'running' && status.device !== undefined && !from.includes(status.device)
  }
  await observer.until(() => witnesses.tasks.every(moved), 'the tasks to run elsewhere', FROZEN_LIMIT_MS)
  return observer.sightings.at(-1)?.atMs ?? 0
}

export async function successor(mesh: Mesh, term: number): Promise<number> {
  const { observer } = mesh
  const found = () =>
    observer.sightings.find(
      ({ topic, body }) => topic === 'coordinator' && ((body as { term?: number }).term ?? 0) > term,
    )
  return (await observer.until(found, 'a coordinator of a higher term', FROZEN_LIMIT_MS)).atMs
}

/** Lets all of them come to their end, and checks that each ends once, with its result. */
export async function expectAllDone(mesh: Mesh, ...all: readonly Witnesses[]): Promise<void> {
  for (const witnesses of all) witnesses.open()
  const tasks = all.flatMap((witnesses) => witnesses.tasks)
  const ends = await mesh.expectEndedOnce(tasks, 'succeeded', FROZEN_LIMIT_MS)
  for (const end of ends) expect(end.result).toMatchObject({ exitCode: 0, stdout: `${end.task} is done\n` })
  expectReignsGrow(mesh)
}

/** No beacon is of a lower reign than one before it. */
export function expectReignsGrow(mesh: Mesh): void {
  const beacons = mesh.observer.beacons()
  const falls = beacons.filter((beacon, i) => i > 0 && compareReigns(beacon, beacons[i - 1] ?? beacon) < 0)
  expect(falls).toEqual([])
}

/** Beacons of one nonce in a row after which a coordinator counts as the one that stays: longer than the lease. */
const STAYS_BEACONS = 5

/** All agents are online again under one coordinator that stays. */
export async function expectOneCoordinator(mesh: Mesh, devices: readonly string[]): Promise<void> {
  const { observer } = mesh
  const online = () => devices.every((id) => observer.state(id)?.online === true)
  await observer.until(online, `${devices.join(', ')} to be online`, FROZEN_LIMIT_MS)
  const from = observer.beacons().length
  const stays = () => {
    const last = observer.beacons().slice(from).slice(-STAYS_BEACONS)
    return last.length === STAYS_BEACONS && last.every(({ nonce }) => nonce === last[0]?.nonce) && online()
  }
  await observer.until(stays, 'one coordinator that stays', FROZEN_LIMIT_MS)
  expectReignsGrow(mesh)
}

/** No attempt found an earlier one of its task alive, and the last one came to its end. */
export function expectNoOverlap(witnesses: Witnesses): void {
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
