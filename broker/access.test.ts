import { describe, expect, test } from 'vitest'
import { CoveyError } from '../shared/errors/errors.ts'
import { type Route, TOPICS, type TopicRule, Topics, type Writer } from '../shared/protocol/topics.ts'
import { type Grant, grantFor, refusePublish, refuseSubscribe } from './access.ts'
import type { User } from './passwords.ts'

const home = new Topics('home')
const device: User = { user: 'd', role: 'device', device: 'pi-7' }
const coordinator: User = { user: 'c', role: 'coordinator', device: 'pi-7' }
const submitter: User = { user: 's', role: 'submitter' }
const operator: User = { user: 'o', role: 'operator' }

function grant(user: User, clientId: string): Grant {
  const granted = grantFor(user, clientId)
  if (granted instanceof CoveyError) throw granted
  return granted
}

const roles: Record<string, { grant: Grant; writesAs: Writer[] }> = {
  device: { grant: grant(device, home.agentClientId('pi-7')), writesAs: ['device'] },
  'coordinator as agent': { grant: grant(coordinator, home.agentClientId('pi-7')), writesAs: ['device'] },
  'coordinator as seat': { grant: grant(coordinator, home.seatClientId()), writesAs: ['device', 'seat'] },
  submitter: { grant: grant(submitter, 'any'), writesAs: ['submitter'] },
  operator: { grant: grant(operator, 'any'), writesAs: ['operator'] },
}

describe('publishing follows the writer column of the table of topics', () => {
  for (const [name, { grant: granted, writesAs }] of Object.entries(roles)) {
    test.each(Object.entries(TOPICS) as [Route, TopicRule][])(`${name}: %s`, (route, rule) => {
      const topic = home.of(route, 'pi-7').replaceAll(/:[a-z]+/g, 'page-1')
      const may = rule.writers.some((writer) => writesAs.includes(writer))
      expect(refusePublish(granted, topic) === undefined).toBe(may)
    })
  }

  test('a device writes below its own name only, and logs of any task', () => {
    const granted = grant(device, 'any')
    expect(refusePublish(granted, home.of('state', 'pi-8'))?.code).toBe('E_DENIED')
    expect(refusePublish(granted, home.of('load', 'pi-7'))).toBeUndefined()
    expect(refusePublish(granted, home.of('log', 'any-task'))).toBeUndefined()
  })

  test('the seat of one mesh is none of another, and a scope ends at its mesh', () => {
    const seat = grant(coordinator, home.seatClientId())
    expect(refusePublish(seat, new Topics('farm').of('beacon'))?.code).toBe('E_DENIED')
    const scoped: Grant = { ...submitter, mesh: 'home' }
    expect(refusePublish(scoped, home.of('spec', 't'))).toBeUndefined()
    expect(refusePublish(scoped, new Topics('farm').of('spec', 't'))?.code).toBe('E_DENIED')
  })

  test('outside the protocol only an operator publishes', () => {
    expect(refusePublish(operator, 'lights/kitchen')).toBeUndefined()
    expect(refusePublish(submitter, 'lights/kitchen')?.code).toBe('E_DENIED')
    expect(refusePublish(device, 'lights/kitchen')?.code).toBe('E_DENIED')
  })
})

describe('client ids of seats and agents belong to someone', () => {
  test.each([
    [coordinator, 'covey-home-seat', true],
    [device, 'covey-home-seat', false],
    [operator, 'covey-home-seat', false],
    [{ ...coordinator, mesh: 'farm' }, 'covey-home-seat', false],
    [device, 'covey-home-agent-pi-7', true],
    [coordinator, 'covey-home-agent-pi-7', true],
    [device, 'covey-home-agent-pi-8', false],
    [operator, 'covey-home-agent-pi-7', false],
    [{ ...device, mesh: 'farm' }, 'covey-home-agent-pi-7', false],
    // Both an agent of the device `x-seat` and the seat of the mesh `home-agent-x`.
    [{ ...device, device: 'x-seat' }, 'covey-home-agent-x-seat', false],
    // The device's own name holds the infix.
    [{ ...device, device: 'b-agent-c' }, 'covey-a-agent-b-agent-c', true],
    [submitter, 'mosquitto_pub|123', true],
  ] as [User, string, boolean][])('%j as %s: %s', (user, clientId, may) => {
    expect(grantFor(user, clientId) instanceof CoveyError).toBe(!may)
  })
})

describe('subscribing', () => {
  test.each([
    [submitter, 'covey/v1/home/tasks/+/status', true],
    [submitter, 'covey/v1/home/tasks/#', true],
    [submitter, 'covey/v1/home/events', true],
    [submitter, 'covey/v1/home/devices/+/state', true],
    [submitter, 'covey/v1/home/devices/+/inbox', false],
    [submitter, 'covey/v1/home/devices/pi-7/inbox', false],
    [submitter, 'covey/v1/home/#', false],
    [submitter, 'covey/#', false],
    [submitter, '#', false],
    [submitter, 'lights/#', false],
    [{ ...submitter, mesh: 'home' }, 'covey/v1/farm/events', false],
    [{ ...submitter, mesh: 'home' }, 'covey/v1/+/events', false],
    [operator, '#', true],
    [operator, 'covey/v1/home/#', true],
    [operator, '$SYS/#', true],
    [{ ...operator, mesh: 'home' }, '#', false],
    [coordinator, 'covey/v1/home/#', true],
    [coordinator, 'covey/v1/home/devices/+/inbox', true],
    [coordinator, '#', false],
    [device, 'covey/v1/home/devices/pi-7/inbox', true],
    [device, 'covey/v1/home/devices/pi-7/#', true],
    [device, 'covey/v1/home/devices/pi-7/desired', true],
    [device, 'covey/v1/home/devices/pi-8/inbox', false],
    [device, 'covey/v1/home/devices/+/inbox', false],
    [device, 'covey/v1/home/devices/+/+', false],
    [device, 'covey/v1/home/devices/+/state', true],
    [device, 'covey/v1/home/coordinator/#', true],
    [device, 'covey/v1/home/coordinator', true],
    [device, 'covey/v1/home/config', true],
    [device, 'covey/v1/home/tasks/+/spec', false],
    [device, 'covey/v1/+/devices/pi-7/inbox', true],
  ] as [User, string, boolean][])('%j to %s: %s', (user, filter, may) => {
    expect(refuseSubscribe(user, filter) === undefined).toBe(may)
  })
})
