/** Settings that cannot be taken, as the beacon tells of them. */
import { expect, it } from 'vitest'
import { checkBody } from '../../shared/protocol/codec.ts'
import type { Beacon } from '../../shared/protocol/schemas/index.ts'
import { Driver } from './testing/driver.ts'
import { elect, serve } from './testing/office.ts'

const WRONG = checkBody('config', { strategy: 'magic' })

const configure = (driver: Driver, body: object, retained = false) => {
  const rejection = checkBody('config', body)
  const content = rejection === undefined ? { body } : { rejection }
  driver.hear('device', { route: 'config', id: '', ...content }, retained)
}

/** What the next beacon says. */
function told(driver: Driver): Beacon['configRefused'] {
  driver.effects = []
  driver.timer('election/beacon')
  const [beacon] = driver.published<Beacon>('beacon')
  expect(checkBody('beacon', beacon)).toBeUndefined()
  driver.effects = []
  return beacon?.configRefused
}

/** In how many milliseconds the next beacon goes out, where that was changed. */
const soon = (driver: Driver) => driver.take('timer').find(({ name }) => name === 'election/beacon')?.delayMs

it('are told soon, with the reason and what it goes by meanwhile, until others are taken', () => {
  const driver = new Driver('auto')
  serve(driver)
  expect(told(driver)).toBeUndefined()
  configure(driver, { strategy: 'magic' })
  expect(soon(driver)).toBeLessThanOrEqual(50)
  expect(told(driver)).toEqual({ error: WRONG, goesBy: 'defaults' })
  configure(driver, { strategy: 'best-fit' })
  expect(soon(driver)).toBeLessThanOrEqual(50)
  expect(told(driver)).toBeUndefined()
  configure(driver, { strategy: 'magic' })
  expect(told(driver)).toEqual({ error: WRONG, goesBy: 'earlier' })
  driver.hear('device', { route: 'config', id: '', empty: true })
  expect(told(driver)).toBeUndefined()
  configure(driver, { strategy: 'magic' })
  expect(told(driver)).toEqual({ error: WRONG, goesBy: 'defaults' })
})

it('are told by a coordinator that finds them, which knows no earlier ones', () => {
  const driver = new Driver('auto')
  const { nonce } = elect(driver)
  configure(driver, { strategy: 'magic' }, true)
  driver.hear('device', { route: 'marker', id: '', body: { nonce } })
  driver.pass(1_000)
  driver.timer('coordinator/settle')
  expect(told(driver)).toEqual({ error: WRONG, goesBy: 'defaults' })
})

it('cost the beacon nothing when there are none wrong, nor does it hurry', () => {
  const driver = new Driver('auto')
  serve(driver)
  configure(driver, { strategy: 'best-fit' })
  expect(soon(driver)).toBeUndefined()
})
