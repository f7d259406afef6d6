/**
 * What an MQTT broker does, as far as Covey relies on it or guards against it: one table that the virtual brokers and
 * the real ones must both fulfil, so that the model cannot drift from what it is a model of.
 *
 * Where brokers differ, the variant of the simulator says how, and is held to it on both sides.
 */
import type { Variant } from '../broker/variants.ts'

export interface ConnectOptions {
  /** Client id; the client's name unless given. */
  readonly id?: string
  /** Text of a will on the topic `wills`, at QoS 1. */
  readonly will?: string
  readonly keepAliveSeconds?: number
  /** The client acknowledges nothing until it is told to. */
  readonly holdAcks?: boolean
}

/** One client. Its log tells in order: `suback`, `puback`, `closed`, and messages like `a/b=text retained qos1`. */
export interface ScriptClient {
  readonly log: readonly string[]
  subscribe(filter: string, qos?: 0 | 1): void
  publish(topic: string, text: string, options?: { qos?: 0 | 1; retain?: boolean }): void
  /** Ends the connection as MQTT wants it. */
  disconnect(): void
  /** Closes the socket without a word. */
  drop(): void
  /** Says nothing any more, and leaves the socket open. */
  silence(): void
  /** Acknowledges what was held back, and everything from now on. */
  releaseAcks(): void
}

/** A fresh broker and a way to talk to it. */
export interface Bed {
  readonly variant: Variant
  /** Resolves when the broker has accepted the connection. */
  connect(name: string, options?: ConnectOptions): Promise<ScriptClient>
  /** Waits for a condition; throws with what the client saw when it does not come within the bed's limit. */
  until(client: ScriptClient, condition: () => boolean): Promise<void>
}

export interface Behaviour {
  readonly what: string
  /** Returns what was seen and what should have been. */
  readonly run: (bed: Bed) => Promise<{ readonly seen: unknown; readonly expected: unknown }>
}

const count = (client: ScriptClient, line: string): number => client.log.filter((one) => one === line).length

async function subscribe(bed: Bed, client: ScriptClient, filter: string, qos: 0 | 1 = 1): Promise<void> {
  const before = count(client, 'suback')
  client.subscribe(filter, qos)
  await bed.until(client, () => count(client, 'suback') > before)
}

/** Publishes at QoS 1 and waits for the PUBACK. */
async function publish(bed: Bed, from: ScriptClient, topic: string, text: string, retain = false) {
  const before = count(from, 'puback')
  from.publish(topic, text, { qos: 1, retain })
  await bed.until(from, () => count(from, 'puback') > before)
}

const messages = (client: ScriptClient): string[] => client.log.filter((line) => line.includes('='))

/**
 * What a client was sent up to a last message that is published now on a topic that it has subscribed to. There are two
 * in turn: a broker may keep order only within a subscription (NATS), and what is under way comes while the second does.
 */
async function messagesUpTo(bed: Bed, client: ScriptClient, from: ScriptClient, topic = 'last') {
  const ends = ['end', 'very end'].map((text) => ({ text, start: `${topic}=${text}` }))
  for (const { text, start } of ends) {
    from.publish(topic, text, { qos: 1 })
    await bed.until(client, () => client.log.some((line) => line.startsWith(start)))
  }
  return messages(client).filter((line) => !ends.some(({ start }) => line.startsWith(start)))
}

async function watcher(bed: Bed, ...filters: string[]): Promise<ScriptClient> {
  const client = await bed.connect('watcher')
  for (const filter of [...filters, 'last']) await subscribe(bed, client, filter)
  return client
}

/** Filters, topics, and which of them match (MQTT 3.1.1, 4.7). */
const MATCHING: Readonly<Record<string, readonly string[]>> = {
  'a/b': ['a/b'],
  'a/+': ['a/b', 'a/c'],
  'a/#': ['a', 'a/b', 'a/c', 'a/b/c'],
  '+/b': ['a/b', 'x/b'],
  '+/b/#': ['a/b', 'x/b', 'a/b/c'],
  '+/+': ['a/b', 'a/c', 'x/b'],
  '+': ['a'],
  'a/+/c': ['a/b/c'],
}
const TOPICS = ['a', 'a/b', 'a/c', 'x/b', 'a/b/c']

const DELIVERY: readonly Behaviour[] = [
  {
    what: 'delivers at the lower QoS of publish and subscription, and acknowledges a QoS 1 publish',
    async run(bed) {
      const one = await bed.connect('one')
      const zero = await bed.connect('zero')
      const from = await bed.connect('from')
      for (const topic of ['t', 'last']) {
        await subscribe(bed, one, topic, 1)
        await subscribe(bed, zero, topic, 0)
      }
      await publish(bed, from, 't', '1')
      from.publish('t', '0')
      const seen = [await messagesUpTo(bed, one, from), await messagesUpTo(bed, zero, from)]
      return {
        seen,
        expected: [
          ['t=1 qos1', 't=0'],
          ['t=1', 't=0'],
        ],
      }
    },
  },
  {
    what: 'keeps the order of one publisher',
    async run(bed) {
      const to = await watcher(bed, 'n/+')
      const from = await bed.connect('from')
      const expected = Array.from({ length: 200 }, (_, n) => `n/${n % 7}=${n} qos1`)
      for (let n = 0; n < 200; n++) from.publish(`n/${n % 7}`, String(n), { qos: 1, retain: n % 3 === 0 })
      await bed.until(to, () => messages(to).length >= expected.length)
      return { seen: await messagesUpTo(bed, to, from), expected }
    },
  },
  {
    what: 'matches topics to filters as the standard says',
    async run(bed) {
      const filters = Object.keys(MATCHING)
      const clients: ScriptClient[] = []
      for (const [n, filter] of filters.entries()) {
        const client = await bed.connect(`c${n}`)
        await subscribe(bed, client, filter)
        await subscribe(bed, client, 'end/of/it/all')
        clients.push(client)
      }
      const from = await bed.connect('from')
      for (const topic of TOPICS) await publish(bed, from, topic, '')
      const seen: Record<string, string[]> = {}
      for (const [n, filter] of filters.entries()) {
        const got = await messagesUpTo(bed, clients[n] as ScriptClient, from, 'end/of/it/all')
        seen[filter] = got.map((line) => line.replace(/=.*/, ''))
      }
      const asTold = Object.values(MATCHING).map((topics) => [...topics].sort())
      return { seen: Object.values(seen).map((topics) => topics.sort()), expected: asTold }
    },
  },
  {
    what: "hides topics that begin with '$' from wildcards at the first level, unless it is known not to",
    async run(bed) {
      const all = await watcher(bed, '#', '+/x')
      const named = await bed.connect('named')
      await subscribe(bed, named, '$own/x')
      const from = await bed.connect('from')
      from.publish('$own/x', 'hidden', { qos: 1 })
      // A broker may also refuse such a topic, and the client with it.
      await bed.until(named, () => messages(named).length > 0 || from.log.includes('closed'))
      const last = await bed.connect('another')
      // A broker that hides nothing shows its own topics too.
      const seen = (await messagesUpTo(bed, all, last)).filter((line) => line.startsWith('$own'))
      return { seen: [...new Set(seen)], expected: bed.variant.hidesDollar ? [] : ['$own/x=hidden qos1'] }
    },
  },
  {
    what: 'sends one copy for two filters of a client that match, or two where it is known to',
    async run(bed) {
      const to = await watcher(bed, 'o/+', 'o/x')
      const from = await bed.connect('from')
      await publish(bed, from, 'o/x', '1')
      const copy = 'o/x=1 qos1'
      const expected = bed.variant.oneCopyPerClient ? [copy] : [copy, copy]
      return { seen: await messagesUpTo(bed, to, from), expected }
    },
  },
  {
    what: 'gives a client that acknowledges nothing no more than its queue holds',
    async run(bed) {
      const sent = 1_500
      const to = await bed.connect('to', { holdAcks: true })
      await subscribe(bed, to, 'q')
      const from = await bed.connect('from')
      for (let n = 0; n < sent; n++) from.publish('q', String(n), { qos: 1 })
      await bed.until(from, () => count(from, 'puback') === sent)
      to.releaseAcks()
      const expected = Math.min(sent, bed.variant.queueMessagesMax)
      await bed.until(to, () => messages(to).length >= expected)
      await subscribe(bed, to, 'last')
      const got = await messagesUpTo(bed, to, from)
      return { seen: [got.length, got.at(-1)], expected: [expected, `q=${expected - 1} qos1`] }
    },
  },
]

const RETAINED: readonly Behaviour[] = [
  {
    what: 'gives what is retained with the flag, what is live without, and nothing after a clear',
    async run(bed) {
      const from = await bed.connect('from')
      await publish(bed, from, 'r/kept', 'old', true)
      await publish(bed, from, 'r/kept', 'new', true)
      await publish(bed, from, 'r/gone', 'x', true)
      await publish(bed, from, 'r/gone', '', true)
      const to = await bed.connect('to')
      await subscribe(bed, to, 'r/#')
      await bed.until(to, () => messages(to).length > 0)
      await subscribe(bed, to, 'last')
      await publish(bed, from, 'r/kept', 'live', true)
      return {
        seen: [await messagesUpTo(bed, to, from), to.log[0]],
        expected: [['r/kept=new retained qos1', 'r/kept=live qos1'], 'suback'],
      }
    },
  },
  {
    what: 'gives what is retained at the QoS of the subscription, or to wildcards at its own where it is known to',
    async run(bed) {
      const [exact, wild] = [await bed.connect('exact'), await bed.connect('wild')]
      await publish(bed, exact, 'r', 'kept', true)
      await subscribe(bed, exact, 'r', 0)
      await subscribe(bed, wild, '+', 0)
      for (const client of [exact, wild]) await bed.until(client, () => messages(client).length > 0)
      const qos = bed.variant.retainedAtOwnQos ? ' qos1' : ''
      return {
        seen: [messages(exact), messages(wild)],
        expected: [['r=kept retained'], [`r=kept retained${qos}`]],
      }
    },
  },
  {
    what: 'gives what is retained once more when a subscription is repeated',
    async run(bed) {
      const to = await bed.connect('to')
      await publish(bed, to, 'r', 'kept', true)
      for (const copies of [1, 2]) {
        await subscribe(bed, to, 'r')
        await bed.until(to, () => messages(to).length === copies)
      }
      return { seen: messages(to), expected: ['r=kept retained qos1', 'r=kept retained qos1'] }
    },
  },
  {
    what: 'lets a live message overtake what is retained, or not, as it is known to',
    async run(bed) {
      const from = await bed.connect('from')
      for (let n = 0; n < 300; n++) from.publish(`k/${n}`, 'kept', { qos: 1, retain: true })
      await bed.until(from, () => count(from, 'puback') === 300)
      let overtaken = false
      for (let round = 0; round < 10; round++) {
        const to = await bed.connect(`to${round}`)
        await subscribe(bed, to, '#', 0)
        to.publish(`marker/${round}`, 'm')
        const marker = `marker/${round}=m`
        const retained = (): number => messages(to).filter((line) => line.includes(' retained')).length
        await bed.until(to, () => to.log.includes(marker) && retained() === 300)
        if (to.log.findLastIndex((line) => line.includes(' retained')) > to.log.indexOf(marker))
          overtaken = true
        to.disconnect()
      }
      return { seen: overtaken, expected: !bed.variant.retainedInOrder }
    },
  },
]

const SESSIONS: readonly Behaviour[] = [
  {
    what: 'sends a will when the socket closes without DISCONNECT, and none after a DISCONNECT',
    async run(bed) {
      const to = await watcher(bed, 'wills')
      const leaves = await bed.connect('leaves', { will: 'left' })
      const dies = await bed.connect('dies', { will: 'died' })
      leaves.disconnect()
      dies.drop()
      await bed.until(to, () => messages(to).length > 0)
      return { seen: await messagesUpTo(bed, to, to), expected: ['wills=died qos1'] }
    },
  },
  {
    what: 'closes the first of two connections of a client id, with its will or without, as it is known to',
    async run(bed) {
      const to = await watcher(bed, 'wills', 'hello')
      const first = await bed.connect('first', { id: 'seat', will: 'first' })
      const second = await bed.connect('second', { id: 'seat', will: 'second' })
      await bed.until(first, () => first.log.includes('closed'))
      await publish(bed, second, 'hello', 'from second')
      const will = bed.variant.willOnTakeover ? ['wills=first qos1'] : []
      return {
        seen: [await messagesUpTo(bed, to, second), first.log, second.log.includes('closed')],
        expected: [[...will, 'hello=from second qos1'], ['closed'], false],
      }
    },
  },
  {
    what: 'forgets the subscriptions of a clean session',
    async run(bed) {
      const before = await bed.connect('before', { id: 'same' })
      await subscribe(bed, before, 's')
      before.disconnect()
      const after = await bed.connect('after', { id: 'same' })
      await publish(bed, after, 's', 'to nobody')
      await subscribe(bed, after, 'last')
      return { seen: await messagesUpTo(bed, after, after), expected: [] }
    },
  },
  {
    what: 'closes a client that is silent beyond its keep-alive, and sends its will',
    async run(bed) {
      const to = await watcher(bed, 'wills')
      const silent = await bed.connect('silent', { will: 'silent', keepAliveSeconds: 1 })
      silent.silence()
      await bed.until(to, () => messages(to).length > 0)
      return { seen: await messagesUpTo(bed, to, to), expected: ['wills=silent qos1'] }
    },
  },
]

export const BEHAVIOURS: readonly Behaviour[] = [...DELIVERY, ...RETAINED, ...SESSIONS]
