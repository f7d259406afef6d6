import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LAN, Link } from './link.ts'
import { packetOfText } from './packet.ts'
import { matches, Subscriptions } from './subscriptions.ts'
import { Bed, Client } from './testing/bed.ts'
import { topicOf } from './topic.ts'
import { VARIANTS, type VariantName } from './variants.ts'

const ALL = Object.keys(VARIANTS) as VariantName[]

describe.each(ALL)('the virtual broker as %s', (variant) => {
  it('acknowledges a QoS 1 publish and delivers it to every subscriber at the lower QoS of the two', () => {
    const bed = new Bed(variant)
    const [one, zero, from] = [bed.client('one'), bed.client('zero'), bed.client('from')]
    one.subscribe('a/+')
    zero.subscribe('a/b', 0)
    bed.pass(100)
    from.publish('a/b', 'x', false, 3)
    from.connection.publish(packetOfText('a/c', 'y', 0, false))
    bed.pass(100)
    expect(one.log).toEqual(['up', 'suback 7', 'a/b=x qos1', 'a/c=y'])
    expect(zero.log).toEqual(['up', 'suback 7', 'a/b=x'])
    expect(from.log).toEqual(['up', 'puback 3'])
  })

  it('gives retained messages after the SUBACK with the flag, live ones without, and none after a clear', () => {
    const bed = new Bed(variant)
    const from = bed.client('from')
    from.publish('a/b', 'kept', true)
    from.publish('a/c', 'gone', true)
    from.publish('a/c', '', true)
    bed.pass(100)
    const to = bed.client('to')
    to.subscribe('a/#')
    bed.pass(100)
    from.publish('a/b', 'live', true)
    bed.pass(100)
    expect(to.log).toEqual(['up', 'suback 7', 'a/b=kept retained qos1', 'a/b=live qos1'])
    expect(bed.broker.retained.size).toBe(1)
  })

  it('sends a will when the socket closes without DISCONNECT, and none after a DISCONNECT', () => {
    const bed = new Bed(variant)
    const watch = bed.client('watch')
    watch.subscribe('wills')
    const [dies, leaves] = [bed.client('dies', { will: 'died' }), bed.client('leaves', { will: 'left' })]
    dies.connection.drop()
    leaves.connection.disconnect()
    bed.pass(100)
    expect(watch.log).toEqual(['up', 'suback 7', 'wills=died qos1'])
    expect(dies.log).toEqual(['up'])
  })

  it('closes the first connection of a client id when a second comes; its will goes out as the variant does', () => {
    const bed = new Bed(variant)
    const watch = bed.client('watch')
    watch.subscribe('#')
    bed.pass(100)
    const first = bed.client('seat', { will: 'first' })
    const second = bed.client('seat', { will: 'second' })
    second.publish('hello', 'from second')
    first.publish('hello', 'from first')
    bed.pass(100)
    expect(first.log).toEqual(['up', 'down: session taken over'])
    const will = VARIANTS[variant].willOnTakeover ? ['wills=first qos1'] : []
    expect(watch.log).toEqual(['up', 'suback 7', ...will, 'hello=from second qos1'])
  })

  it('lets both sides of a cut link find out by the keep-alive, and sends the will then', () => {
    const bed = new Bed(variant)
    const watch = bed.client('watch')
    watch.subscribe('wills')
    const cut = bed.client('cut', { will: 'cut off', keepAliveMs: 2000 })
    cut.link.block('up')
    cut.link.block('down')
    bed.pass(900)
    expect(cut.log).toEqual(['up'])
    expect(watch.log).toEqual(['up', 'suback 7'])
    bed.pass(2200)
    expect(cut.log).toEqual(['up', 'down: keep-alive timeout'])
    expect(watch.log).toEqual(['up', 'suback 7', 'wills=cut off qos1'])
  })

  it('lets what waited flow in order when a short partition heals, and nobody notices', () => {
    const bed = new Bed(variant)
    const [to, from] = [bed.client('to', { will: 'x' }), bed.client('from')]
    to.subscribe('a')
    bed.pass(100)
    for (const direction of ['up', 'down'] as const) to.link.block(direction)
    for (const text of ['1', '2', '3']) from.publish('a', text)
    bed.pass(500)
    expect(to.log).toEqual(['up', 'suback 7'])
    for (const direction of ['up', 'down'] as const) to.link.unblock(direction)
    from.publish('a', '4')
    bed.pass(10_000)
    expect(to.log.slice(2)).toEqual(['a=1 qos1', 'a=2 qos1', 'a=3 qos1', 'a=4 qos1'])
  })

  it('keeps a half-open connection dead while a new one of the same client works', () => {
    const bed = new Bed(variant)
    const old = bed.client('c', { keepAliveMs: 60_000 })
    old.link.sever()
    old.publish('a', 'lost')
    bed.pass(1000)
    expect(old.log).toEqual(['up'])
    const fresh = bed.client('c')
    fresh.subscribe('a')
    bed.pass(100)
    fresh.publish('a', 'arrives', false, 1)
    bed.pass(100)
    expect(fresh.log).toContain('a=arrives qos1')
    expect(fresh.log).toContain('puback 1')
  })

  it('refuses connections while it is down and has its retained messages afterwards, or not, by its store', () => {
    const bed = new Bed(variant)
    const from = bed.client('from', { will: 'never sent' })
    from.publish('a', 'kept', true)
    bed.pass(100)
    bed.broker.crash('crash')
    bed.pass(100)
    expect(from.log).toEqual(['up', 'puback 0', 'down: connection reset'])
    expect(bed.client('early').log).toEqual(['down: connection refused'])
    bed.broker.start()
    const late = bed.client('late')
    late.subscribe('#')
    bed.pass(100)
    expect(late.log).toEqual(['up', 'suback 7', 'a=kept retained qos1'])
    bed.broker.crash('wipe')
    bed.broker.start()
    expect(bed.broker.retained.size).toBe(0)
    expect(bed.lost.at(-1)).toBeUndefined()
  })

  it('tells a client whose connection cannot be made after its connect timeout', () => {
    const bed = new Bed(variant)
    const link = new Link(LAN, bed.engine.random('l'))
    link.block('up')
    const client = new Client(bed, 'c')
    client.link.block('up')
    bed.pass(1100)
    expect(client.log).toEqual(['up'])
    client.connection.drop()
    const other = bed.broker.connect(link, client, 'device', {
      clientId: 'd',
      will: undefined,
      keepAliveMs: 1000,
      connectTimeoutMs: 500,
    })
    bed.pass(600)
    expect(client.log.at(-1)).toBe('down: connect timeout')
    expect(other.clientState).toBe('closed')
  })

  it('gives the same hash for the same seed', () => {
    const run = (seed: string): string => {
      const bed = new Bed(variant, seed)
      const [a, b] = [bed.client('a'), bed.client('b')]
      a.subscribe('#')
      bed.pass(50)
      for (let i = 0; i < 50; i++) b.publish(`t/${i % 5}`, String(i), i % 2 === 0)
      bed.pass(1000)
      return bed.engine.hash.text() + a.log.join()
    }
    expect(run('s')).toBe(run('s'))
    expect(run('s')).not.toBe(run('t'))
  })
})

describe('what tells the brokers apart', () => {
  const overtakes = (variant: VariantName): boolean => {
    for (let seed = 0; seed < 20; seed++) {
      const bed = new Bed(variant, `s${seed}`)
      const to = bed.client('to')
      for (let i = 0; i < 100; i++) to.publish(`r/${i}`, 'kept', true)
      bed.pass(1000)
      to.subscribe('#', 0)
      to.publish('marker', 'm')
      bed.pass(1000)
      const live = to.log.findIndex((line) => line.startsWith('marker'))
      const retained = to.log.filter((line) => line.includes('retained')).length
      expect(retained).toBe(100)
      if (to.log.slice(live).some((line) => line.includes('retained'))) return true
    }
    return false
  }

  it.each([
    ['covey', false],
    ['aedes', true],
    ['mosquitto', false],
    ['nats', false],
  ] as const)('on %s a live marker overtakes retained messages: %s', (variant, expected) => {
    expect(overtakes(variant)).toBe(expected)
  })

  const lostAfterAck = (variant: VariantName): number => {
    let lost = 0
    for (let seed = 0; seed < 50; seed++) {
      const bed = new Bed(variant, `s${seed}`)
      const from = bed.client('from')
      from.publish('a', 'x', true, 1)
      while (!from.log.includes('puback 1')) bed.pass(0.1)
      bed.broker.crash('crash')
      if (bed.broker.retained.get('a') === undefined) lost++
      expect(bed.lost.length).toBe(bed.broker.retained.size === 0 ? 1 : 0)
    }
    return lost
  }

  it('stock aedes can lose what it has acknowledged, the others cannot', () => {
    expect(lostAfterAck('aedes')).toBeGreaterThan(0)
    for (const variant of ['covey', 'mosquitto', 'nats'] as const) expect(lostAfterAck(variant)).toBe(0)
  })

  it('a broker that is stopped in order stores what it has acknowledged', () => {
    for (let seed = 0; seed < 20; seed++) {
      const bed = new Bed('aedes', `s${seed}`)
      const from = bed.client('from')
      from.publish('a', 'x', true, 1)
      while (!from.log.includes('puback 1')) bed.pass(0.1)
      bed.broker.crash('stop')
      expect(bed.broker.retained.get('a')?.body).toBe('x')
      expect(bed.lost).toEqual([])
    }
  })

  it('Mosquitto drops QoS 1 messages beyond its queue, and gives all of them at QoS 0', () => {
    const received = (variant: VariantName, qos: 0 | 1): number => {
      const bed = new Bed(variant)
      const from = bed.client('from')
      for (let i = 0; i < 3000; i++) from.publish(`r/${i}`, 'x', true)
      bed.pass(60_000)
      const to = bed.client('to')
      to.subscribe('#', qos)
      bed.pass(5000)
      return to.log.filter((line) => line.startsWith('r/')).length
    }
    expect(received('mosquitto', 1)).toBe(1_020)
    expect(received('mosquitto', 0)).toBe(3000)
    expect(received('covey', 1)).toBe(3000)
  })

  it('one client with two matching filters gets one copy, on NATS two', () => {
    const copies = (variant: VariantName): number => {
      const bed = new Bed(variant)
      const client = bed.client('c')
      client.subscribe('a/+')
      client.subscribe('a/b')
      bed.pass(100)
      client.publish('a/b', 'x')
      bed.pass(100)
      return client.log.filter((line) => line.startsWith('a/b=')).length
    }
    expect(copies('covey')).toBe(1)
    expect(copies('mosquitto')).toBe(1)
    expect(copies('nats')).toBe(2)
  })
})

describe('subscriptions', () => {
  it('find the same receivers through the index as by asking every filter', () => {
    const part = fc.constantFrom('a', 'b', 'c', '$s')
    const topic = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
    const filter = fc
      .tuple(fc.array(fc.oneof(part, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([parts, rest]) => (rest ? [...parts, '#'] : parts).join('/'))
    const change = fc.record({ filter, client: fc.nat({ max: 3 }), remove: fc.boolean(), topic })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const index = new Subscriptions<number>()
        const plain = new Map<string, { filter: string; client: number }>()
        for (const { filter, client, remove, topic } of changes) {
          if (remove) {
            index.remove(filter, client)
            plain.delete(`${filter} ${client}`)
          } else {
            index.add(filter, client, 1)
            plain.set(`${filter} ${client}`, { filter, client })
          }
          const found: number[] = []
          for (const { list } of index.match(topicOf(topic))) found.push(...list.map(({ client: it }) => it))
          const expected = [...plain.values()].filter((entry) => matches(entry.filter, topic))
          expect(found.sort()).toEqual(expected.map((entry) => entry.client).sort())
        }
      }),
    )
  })
})
