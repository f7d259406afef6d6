import { describe, expect, it } from 'vitest'
import { isId } from '../../shared/protocol/ids.ts'
import { defaultDeviceId } from './identity.ts'

describe('the id of a device', () => {
  it.each([
    ['pi-1', 'pi-1'],
    ['pi-1.local', 'pi-1-local'],
    ['-_odd host!', 'odd-host'],
    ['ümlaut', 'mlaut'],
    ['...', 'device'],
    ['', 'device'],
    ['x'.repeat(100), 'x'.repeat(64)],
  ])('made of the host name %j is %s', (name, id) => {
    expect(defaultDeviceId(name)).toBe(id)
    expect(isId(id)).toBe(true)
  })
})
