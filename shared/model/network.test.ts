import { describe, expect, it } from 'vitest'
import { decodeBody } from '../protocol/codec.ts'
import { brokenLinks, Network } from './network.ts'

const LINKS = [
  { between: ['cellar', 'roof'], latency: '20ms', bandwidth: '100M' },
  { between: ['cellar', 'barn'], bandwidth: 1_000_000 },
]

describe('the network between sites', () => {
  it('takes latency and eight bits a byte, both ways, and nothing within a site', () => {
    const network = new Network({ links: LINKS })
    expect(network.transferMs(2 ** 20, 'cellar', 'roof')).toBeCloseTo(20 + (2 ** 20 * 8) / 1e5, 9)
    expect(network.transferMs(2 ** 20, 'roof', 'cellar')).toBe(network.transferMs(2 ** 20, 'cellar', 'roof'))
    expect(network.transferMs(125_000, 'barn', 'cellar')).toBe(1_000)
    expect(network.transferMs(2 ** 40, 'roof', 'roof')).toBe(0)
  })

  it('has a link for all that it does not name, or none', () => {
    expect(new Network().transferMs(125_000, 'a', 'b')).toBe(20)
    expect(new Network().transferMs(125_000, 'a', undefined)).toBe(20)
    const slow = new Network({ links: LINKS, defaultLink: { latency: '1s', bandwidth: '1k' } })
    expect(slow.transferMs(125, 'roof', 'barn')).toBe(2_000)
    const apart = new Network({ links: LINKS, defaultLink: 'none' })
    expect(apart.transferMs(0, 'roof', 'barn')).toBe(Number.POSITIVE_INFINITY)
    expect(apart.transferMs(0, 'roof', undefined)).toBe(Number.POSITIVE_INFINITY)
    expect(apart.transferMs(0, 'roof', 'roof')).toBe(0)
  })

  it('tells sites by the label that is set', () => {
    const labels = { site: 'cellar', room: 'a1' }
    expect(new Network().siteOf(labels)).toBe('cellar')
    expect(new Network({ siteLabel: 'room' }).siteOf(labels)).toBe('a1')
    expect(new Network({ siteLabel: 'floor' }).siteOf(labels)).toBe(undefined)
  })
})

describe('links that make no sense are refused with where they stand', () => {
  const link = (more: object) => ({ between: ['a', 'b'], bandwidth: '1M', ...more })
  it.each([
    ['from a site to itself', { links: [link({ between: ['a', 'a'] })] }, '/links/0/between'],
    ['twice', { links: [link({}), link({ between: ['b', 'a'] })] }, '/links/1/between'],
    ['of one site', { links: [link({ between: ['a'] })] }, '/links/0/between'],
    ['to a site without a name', { links: [link({ between: ['a', ''] })] }, '/links/0/between/1'],
    ['without bandwidth', { links: [{ between: ['a', 'b'] }] }, '/links/0/bandwidth'],
    ['of no bandwidth', { links: [link({ bandwidth: '0' })] }, '/links/0/bandwidth'],
    ['of negative bandwidth', { links: [link({ bandwidth: '-1M' })] }, '/links/0/bandwidth'],
    ['of a negative number', { links: [link({ bandwidth: -1 })] }, '/links/0/bandwidth'],
    ['of negative latency', { links: [link({ latency: '-1ms' })] }, '/links/0/latency'],
    ['with what no link has', { links: [link({ speed: 1 })] }, '/links/0/speed'],
    ['by default of no bandwidth', { defaultLink: { bandwidth: 0.0 } }, '/defaultLink/bandwidth'],
    ['by default of none at all', { defaultLink: { bandwidth: '0M' } }, '/defaultLink/bandwidth'],
    ['by a label that can be none', { siteLabel: '1 site' }, '/siteLabel'],
  ])('%s', (_what, config, path) => {
    const answer = decodeBody('config', JSON.stringify(config))
    expect(answer).toMatchObject({ rejection: { path } })
  })

  it('and the others are not', () => {
    const config = { siteLabel: 'room', links: LINKS, defaultLink: 'none' } as const
    expect(brokenLinks(config)).toBe(undefined)
    expect(decodeBody('config', JSON.stringify(config))).toEqual({ body: config })
  })
})

describe('data of a task is refused with where it stands', () => {
  it.each([
    ['nowhere', [{ size: '1Gi' }], '/data/0/at'],
    ['of no size', [{ at: 'a' }], '/data/0/size'],
    ['of negative size', [{ at: 'a', size: '-1Gi' }], '/data/0/size'],
    ['of a negative number', [{ at: 'a', size: -1 }], '/data/0/size'],
    ['in too many places', Array.from({ length: 17 }, () => ({ at: 'a', size: 1 })), '/data'],
  ])('%s', (_what, data, path) => {
    const answer = decodeBody('spec', JSON.stringify({ run: { exec: ['true'] }, data }))
    expect(answer).toMatchObject({ rejection: { path } })
  })
})
