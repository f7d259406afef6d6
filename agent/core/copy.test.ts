/** What a copy makes of messages that came late, or in an order in which nobody can have said them. */
import { describe, expect, it } from 'vitest'
import { contentDigest } from '../../shared/protocol/digest.ts'
import { Driver, SPEC } from './testing/driver.ts'
import { elect, statuses } from './testing/office.ts'

const ENDED = {
  task: 'old',
  state: 'succeeded',
  digest: contentDigest(SPEC),
  term: 1,
  agent: 'other',
  attempts: 1,
  failed: 0,
  lost: 0,
  explanation: 'ran on d',
  times: {},
}

/** Elected with a copy in which `old` ended and was cleared before its spec came, and `fresh` waits. */
function elected(): Driver {
  const driver = new Driver('auto')
  const { nonce } = elect(driver)
  driver.hear('device', { route: 'status', id: 'old', body: ENDED })
  driver.hear('device', { route: 'spec', id: 'old', empty: true })
  driver.hear('device', { route: 'spec', id: 'old', body: SPEC })
  driver.hear('device', { route: 'status', id: 'old', empty: true })
  driver.hear('device', { route: 'spec', id: 'fresh', body: SPEC })
  driver.settled().hear('device', { route: 'marker', id: '', body: { nonce } })
  driver.timer('coordinator/settle')
  return driver
}

const tasks = (driver: Driver): string[] => statuses(driver).map(({ task }) => task)
/** How long an inventory window is with the default times. */
const WINDOW_MS = 2_500
const OLD = 'covey/v1/home/tasks/old/spec'

describe('a spec that a copy still has when its status is cleared', () => {
  it('is asked for through the seat, and nothing comes of it when the broker has none', () => {
    const driver = elected()
    expect(tasks(driver)).toEqual(['fresh'])
    const read = driver.take('subscribe').find(({ link }) => link === 'seat')
    expect(read?.to).toEqual([{ topic: OLD, qos: 0 }])
    driver.pass(WINDOW_MS)
    driver.timer('coordinator/due')
    expect(driver.take('subscribe')).toMatchObject([{ link: 'seat', to: [{ topic: OLD, qos: 0 }] }])
    expect(driver.take('unsubscribe')).toEqual([])
    driver.pass(2 * WINDOW_MS)
    driver.timer('coordinator/due')
    expect(driver.take('unsubscribe')).toEqual([{ do: 'unsubscribe', link: 'seat', topics: [OLD] }])
    expect(tasks(driver)).toEqual([])
  })

  it('is taken when the broker has it: it was submitted again', () => {
    const driver = elected()
    expect(tasks(driver)).toEqual(['fresh'])
    driver.hear('seat', { route: 'spec', id: 'old', body: SPEC }, true)
    expect(tasks(driver)).toEqual(['old'])
  })

  it('is taken when only the second read brings it', () => {
    const driver = elected()
    expect(tasks(driver)).toEqual(['fresh'])
    driver.take('subscribe')
    driver.pass(WINDOW_MS)
    driver.timer('coordinator/due')
    expect(driver.take('subscribe')).toHaveLength(1)
    driver.hear('seat', { route: 'spec', id: 'old', body: SPEC }, true)
    expect(tasks(driver)).toEqual(['old'])
  })

  it('is not read again once it has come', () => {
    const driver = elected()
    driver.hear('seat', { route: 'spec', id: 'old', body: SPEC }, true)
    driver.take('subscribe')
    driver.pass(WINDOW_MS)
    driver.timer('coordinator/due')
    expect(driver.take('subscribe')).toEqual([])
  })

  it('is taken, not forgotten, when there are more than can be asked for', () => {
    const driver = new Driver('auto')
    const { nonce } = elect(driver)
    const ids = Array.from({ length: 600 }, (_, index) => `t${index}`)
    for (const id of ids) {
      driver.hear('device', { route: 'spec', id, body: SPEC })
      driver.hear('device', { route: 'status', id, empty: true })
    }
    driver.settled().hear('device', { route: 'marker', id: '', body: { nonce } })
    driver.timer('coordinator/settle')
    const asked = driver.take('subscribe').flatMap(({ to }) => to.map(({ topic }) => topic.split('/').at(-2)))
    expect(asked).toHaveLength(500)
    expect([...tasks(driver), ...asked].sort()).toEqual([...ids].sort())
  })

  it('is in doubt no more when it is heard of again', () => {
    const driver = new Driver('auto')
    const { nonce } = elect(driver)
    driver.hear('device', { route: 'spec', id: 'old', body: SPEC })
    driver.hear('device', { route: 'status', id: 'old', empty: true })
    driver.hear('device', { route: 'spec', id: 'old', body: SPEC })
    driver.settled().hear('device', { route: 'marker', id: '', body: { nonce } })
    driver.timer('coordinator/settle')
    expect(driver.take('subscribe')).toEqual([])
    expect(tasks(driver)).toEqual(['old'])
  })
})

describe('a copy', () => {
  it('is not quiet while retained messages trail, be they overtaken by live ones', () => {
    const driver = new Driver('auto')
    const { nonce } = elect(driver)
    driver.hear('device', { route: 'status', id: 'old', body: ENDED })
    driver.pass(10_000)
    driver.hear('device', { route: 'status', id: 'old', body: ENDED }, true)
    driver.settled().hear('device', { route: 'marker', id: '', body: { nonce } })
    expect(driver.take('timer')).toContainEqual({ do: 'timer', name: 'coordinator/settle', delayMs: 150 })
  })
})

describe('a copy that is lost before its coordinator serves', () => {
  it('is read again, and the window opens again after it', () => {
    const driver = new Driver('auto')
    const { nonce } = elect(driver)
    const device = { incarnation: 1, nonce: 'd-1', online: true, labels: {}, executors: ['exec'] }
    const state = { ...device, capacity: { cpu: '8' }, candidate: 'never', version: '1' }
    const marker = { route: 'marker', id: '', body: { nonce } } as const
    driver.hear('device', { route: 'state', id: 'd', body: state })
    driver.hear('device', { route: 'status', id: 'old', body: ENDED })
    driver.hear('device', marker)
    driver.give({ in: 'link-down', link: 'device', reason: 'reset' })
    driver.timer('worker/connect')
    driver.settled().give({ in: 'link-up', link: 'device' })
    expect(driver.take('cancel-timer')).toContainEqual({ do: 'cancel-timer', name: 'coordinator/window' })
    const token = driver.take('subscribe')[0]?.token ?? 0
    driver.give({ in: 'subscribed', link: 'device', token })
    expect(driver.published('marker')).toEqual([{ nonce }])
    driver.hear('device', { route: 'status', id: 'old', body: ENDED }, true)
    driver.hear('device', { route: 'spec', id: 'old', body: SPEC }, true)
    driver.hear('device', marker)
    driver.pass(1_000)
    driver.settled().timer('coordinator/settle')
    // It ended before: its spec is cleared, and it is not begun again.
    expect(driver.published('spec')).toEqual([null])
    expect(tasks(driver)).not.toContain('old')
  })
})
