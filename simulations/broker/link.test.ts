import { describe, expect, it } from 'vitest'
import { LAN, Link } from './link.ts'
import { packetOfText } from './packet.ts'
import { Bed, type Client } from './testing/bed.ts'

describe('links that fail', () => {
  const texts = ({ log }: Client): string[] => log.flatMap((line) => line.match(/(?<=a=)\w+/) ?? [])

  it('break so that what is under way is lost, and both ends learn of it', () => {
    const bed = new Bed('covey')
    const [to, from] = [bed.client('to'), bed.client('from', { will: 'gone' })]
    to.subscribe('a')
    to.subscribe('wills')
    bed.pass(100)
    from.publish('a', 'lost')
    from.connection.cut()
    bed.pass(100)
    expect(to.log.slice(3)).toEqual(['wills=gone qos1'])
    expect(from.log).toEqual(['up', 'down: connection reset'])
  })

  it('give QoS 1 messages a second time and lose QoS 0 messages, each alone', () => {
    const received = (qos: 0 | 1, fault: { repeatShare?: number; lossShare?: number }): string[] => {
      const bed = new Bed('mosquitto')
      const [to, from] = [bed.client('to'), bed.client('from')]
      to.subscribe('a', qos)
      bed.pass(100)
      Object.assign(to.link, fault)
      for (const text of ['x', 'y']) from.publish('a', text)
      bed.pass(5_000)
      expect(to.connection.unacked).toBe(0)
      return texts(to).sort()
    }
    expect(received(1, { repeatShare: 1 })).toEqual(['x', 'x', 'y', 'y'])
    expect(received(0, { repeatShare: 1 })).toEqual(['x', 'y'])
    expect(received(0, { lossShare: 1 })).toEqual([])
    expect(received(1, { lossShare: 1 })).toEqual(['x', 'y'])
  })

  it('delay connections unevenly, so that one overtakes another and none itself', () => {
    const bed = new Bed('covey')
    const to = bed.client('to')
    to.subscribe('a')
    const link = new Link(LAN, bed.engine.random('shared'))
    link.unevenMs = 400
    const options = { will: undefined, keepAliveMs: 60_000, connectTimeoutMs: 5_000 }
    const connections = ['s', 't', 'u'].map((clientId) =>
      bed.broker.connect(link, to, 'device', { clientId, ...options }),
    )
    bed.pass(2_000)
    for (const n of [1, 2, 3]) {
      for (const connection of connections) {
        connection.publish(packetOfText('a', `${connection.clientId}${n}`, 1, false))
      }
    }
    bed.pass(2_000)
    const order = texts(to)
    expect(order).toHaveLength(9)
    expect(order.slice(0, 3).map((text) => text.slice(0, 1))).not.toEqual(['s', 't', 'u'])
    for (const name of 'stu') {
      expect(order.filter((text) => text.startsWith(name))).toEqual([1, 2, 3].map((n) => `${name}${n}`))
    }
  })

  it('stop a server of a cluster: its clients go, and come back to another', () => {
    const bed = new Bed('nats-cluster')
    const client = bed.client('c')
    const { server } = client.connection
    bed.broker.stopServer(server)
    bed.pass(100)
    expect(client.log).toEqual(['up', 'down: connection reset'])
    for (let n = 0; n < 10; n++) expect(bed.client(`c${n}`).connection.server).not.toBe(server)
    bed.broker.startServer(server)
    const servers = Array.from({ length: 20 }, (_, n) => bed.client(`d${n}`).connection.server)
    expect(servers).toContain(server)
  })
})
