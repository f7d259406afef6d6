/** A lone agent in office, driven by hand: it is elected, hears of devices, and says what it decides. */
import type { Beacon, DeviceState, Inbox, TaskStatus } from '../../../shared/protocol/schemas/index.ts'
import type { Driver } from './driver.ts'

/** Goes through the claim until the beacon is acknowledged. The seat reads the `earlier` one, if there is any. */
export function elect(driver: Driver, earlier?: Beacon): Beacon {
  driver.give({ in: 'boot', journal: undefined })
  driver.give({ in: 'link-up', link: 'device' })
  driver.give({ in: 'subscribed', link: 'device', token: driver.take('subscribe')[0]?.token ?? 0 })
  driver.timer('worker/birth')
  driver.pass(1_000)
  driver.published('state')
  driver.timer('election/lease')
  const probe = driver
    .take('publish')
    .find((effect) => effect.message.route === 'state' && effect.token !== undefined)
  driver.give({ in: 'acked', link: 'device', token: probe?.token ?? 0 })
  driver.timer('election/offer')
  driver.give({ in: 'subscribed', link: 'device', token: driver.take('subscribe')[0]?.token ?? 0 })
  driver.pass(1_000)
  // Once for the copy to settle, once for the turn.
  driver.timer('election/claim')
  driver.timer('election/claim')
  driver.give({ in: 'link-up', link: 'seat' })
  const seat = driver.take('subscribe').find((effect) => effect.link === 'seat')
  driver.give({ in: 'subscribed', link: 'seat', token: seat?.token ?? 0 })
  if (earlier === undefined) driver.timer('election/read')
  else driver.hear('seat', { route: 'beacon', id: '', body: earlier }, true)
  const announced = driver.take('publish').find((effect) => effect.message.route === 'beacon')
  driver.give({ in: 'acked', link: 'seat', token: announced?.token ?? 0 })
  return announced?.message.body as Beacon
}

/** Lets the restore run through with no device online. */
export function serve(driver: Driver, earlier?: Beacon): Beacon {
  const beacon = elect(driver, earlier)
  driver.hear('device', { route: 'marker', id: '', body: { nonce: beacon.nonce } })
  driver.timer('coordinator/settle')
  driver.effects = []
  return beacon
}

export function statuses(driver: Driver): TaskStatus[] {
  driver.timer('coordinator/run')
  driver.timer('coordinator/status')
  return driver.published<TaskStatus>('status')
}

/** A device is born, or says what it has changed. */
export function born(driver: Driver, id: string, more: Partial<DeviceState> = {}): void {
  const device = { incarnation: 1, nonce: `${id}-1`, online: true, labels: {}, executors: ['exec'] }
  const body = { ...device, capacity: { cpu: '8', memory: '8Gi' }, candidate: 'never', version: '1' }
  driver.hear('device', { route: 'state', id, body: { ...body, ...more } })
}

/** A device that joins: its birth, and its first report. */
export function join(driver: Driver, id: string, inboxSeq = 0): void {
  born(driver, id)
  report(driver, id, inboxSeq)
}

export function report(driver: Driver, id: string, inboxSeq: number, held: unknown[] = []): void {
  const full = { id: 1, part: 0, last: true }
  const head = { incarnation: 1, nonce: `${id}-1`, highestTerm: { term: 1, agent: 'pi' }, inboxSeq, full }
  driver.hear('seat', { route: 'report', id, body: { ...head, held, rejected: [], results: [] } })
}

export function inboxes(driver: Driver): Inbox[] {
  driver.timer('coordinator/run')
  driver.timer('coordinator/inbox')
  return driver.published<Inbox>('inbox')
}
