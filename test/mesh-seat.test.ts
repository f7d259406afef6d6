/**
 * The seat under its hardest case: two agents that claim it at the same instant. Each round two new agents wait
 * behind the holder, the holder goes, and the claims of both are let loose together.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Beacon } from '../shared/protocol/schemas/index.ts'
import { BROKERS, startBroker, type TestBroker } from './mesh/brokers.ts'
import { type Duellist, Start, startDuellist } from './mesh/duel.ts'
import { Observer } from './mesh/observer.ts'
import { Stage } from './mesh/stage.ts'

/** Meshes that fight their rounds side by side. */
const MESHES = 5
const ROUNDS = { embedded: 100, mosquitto: 25 } as const
/** Beacons of one nonce in a row after which a round counts as settled: longer than the lease. */
const SETTLED_BEACONS = 4
/** Holders in one round. Two push each other off at most a few times before a back-off decides it. */
const HOLDERS_MAX = 6
const CLAIMS_MAX = 8

interface Round {
  readonly nonces: readonly string[]
  readonly claims: readonly number[]
  readonly term: number
}

for (const on of BROKERS) {
  describe.skipIf(!on.available)(`on ${on.kind}`, () => {
    let stage: Stage
    let broker: TestBroker
    beforeAll(async () => {
      stage = new Stage()
      broker = await startBroker(stage, on.kind)
    })
    afterAll(() => stage.close())

    const rounds = ROUNDS[on.kind]
    it.each<[string, readonly number[]]>([
      ['at the same instant', [0]],
      ['one just after the other', [3, 10, 15, 20, 40]],
    ])(`two that claim %s settle on one coordinator, ${rounds} times`, async (what, staggersMs) => {
      const names = Array.from({ length: MESHES }, (_, i) => `seat${i}-${staggersMs.length}`)
      const each = rounds / MESHES
      const fights = await Promise.all(names.map((mesh) => fight(stage, broker, mesh, each, staggersMs)))
      const all = fights.flat()
      expect(all).toHaveLength(rounds)
      const holders = (count: number) => all.filter(({ nonces }) => nonces.length === count).length
      const told = Array.from({ length: HOLDERS_MAX }, (_, i) => `${holders(i + 1)} with ${i + 1}`)
      console.log(`${on.kind}: ${rounds} duels ${what}, by holders in a round: ${told.join(', ')}`)
    })
  })
}

async function fight(
  stage: Stage,
  broker: TestBroker,
  mesh: string,
  rounds: number,
  staggersMs: readonly number[],
): Promise<Round[]> {
  const observer = await Observer.open(broker.url, mesh)
  stage.later(() => observer.close())
  const started: Duellist[] = []
  stage.later(() => Promise.all(started.map((duellist) => duellist.stop())))
  const fought: Round[] = []
  let holders: readonly Duellist[] = []
  for (let round = 0; round < rounds; round++) {
    // Other names than the holders', who are still there.
    const ids = round % 2 === 0 ? ['a', 'b'] : ['c', 'd']
    const start = new Start(ids.length, staggersMs[round % staggersMs.length] ?? 0)
    const pair = ids.map((id) => startDuellist(broker.url, mesh, id, `${mesh}/${round}/${id}`, start))
    started.push(...pair)
    await observer.until(() => pair.every(({ ready }) => ready), `${ids} to be connected`)
    if (round > 0) await known(observer, ids)
    const from = observer.sightings.length
    const before = observer.beacons().at(-1)
    await Promise.all(holders.map((holder) => holder.stop()))
    fought.push(await settled(observer, from, before, pair))
    holders = pair
  }
  return fought
}

/** Waits until the coordinator counts them among those who may take over. */
async function known(observer: Observer, ids: readonly string[]): Promise<void> {
  const named = () => ids.every((id) => observer.beacons().at(-1)?.candidates.includes(id))
  await observer.until(named, `${ids} to be candidates`)
}

/** Waits until one of the pair has the seat and keeps it, and checks how that came about. */
async function settled(
  observer: Observer,
  from: number,
  before: Beacon | undefined,
  pair: readonly Duellist[],
): Promise<Round> {
  const since = () =>
    observer.sightings
      .slice(from)
      .filter(({ topic, body }) => topic === 'coordinator' && body !== undefined)
      .map(({ body }) => body as Beacon)
      .filter(({ nonce }) => nonce !== before?.nonce)
  const one = () => {
    const last = since().slice(-SETTLED_BEACONS)
    const same = last.length === SETTLED_BEACONS && last.every(({ nonce }) => nonce === last[0]?.nonce)
    const seated = pair.filter(({ hasSeat }) => hasSeat).map(({ id }) => id)
    // On a slow machine one may take the other's silence for its death; then it is not over yet.
    return same && seated.length === 1 && seated[0] === last[0]?.agent ? last[0] : undefined
  }
  const holder = await observer.until(one, 'one coordinator that stays')
  const beacons = since()
  const nonces = [...new Set(beacons.map(({ nonce }) => nonce))]
  const claims = pair.map((duellist) => duellist.claims)
  const story = () => `${JSON.stringify({ before, beacons, claims })}\n${observer.story()}`
  expect(
    claims.every((count) => count > 0 && count <= CLAIMS_MAX),
    story(),
  ).toBe(true)
  expect(nonces.length, story()).toBeLessThanOrEqual(HOLDERS_MAX)
  expect(holder.term, story()).toBeGreaterThan(before?.term ?? 0)
  // Who comes later stands above all that were before; terms never go back.
  const falls = beacons.filter((beacon, i) => beacon.term < (beacons[i - 1]?.term ?? 0))
  expect(falls, story()).toEqual([])
  return { nonces, claims, term: holder.term }
}
