import { describe, expect, it } from 'vitest'
import { isId } from '../../shared/protocol/ids.ts'
import { checkResources, defaultDeviceId } from './identity.ts'

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

describe('what a device offers', () => {
  it('has whole GPUs', () => {
    expect(() => checkResources({ cpu: '500m', gpu: 4 })).not.toThrow()
    for (const gpu of ['500m', 1.5, 65]) {
      expect(() => checkResources({ gpu })).toThrow(
        `capacity gpu: ${JSON.stringify(gpu)} is no number of GPUs`,
      )
    }
  })
})
