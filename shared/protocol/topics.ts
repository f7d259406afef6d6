/**
 * Every topic of the wire protocol, in one place: how it is spelled, who writes it, how it is sent.
 *
 * A topic is `covey/v1/<mesh>/<route>`. `TOPICS` is the table that documentation, the broker's access
 * rules, the codec and the virtual broker are all derived from.
 */
import { isId } from './ids.ts'

export const PROTOCOL_VERSION = 1
export const TOPIC_ROOT = `covey/v${PROTOCOL_VERSION}`

/** The party that may publish on a topic. The broker's access rules enforce it when credentials are on. */
export type Writer = 'seat' | 'device' | 'submitter' | 'operator'

export interface TopicRule {
  /** Levels below the mesh; `:id` stands for an id, `:page` for a result page's name. */
  readonly pattern: string
  readonly writers: readonly Writer[]
  readonly qos: 0 | 1
  readonly retained: boolean
  readonly about: string
}

export const TOPICS = {
  beacon: {
    pattern: 'coordinator',
    writers: ['seat'],
    qos: 1,
    retained: true,
    about: 'The coordinator’s beacon, published every interval',
  },
  death: {
    pattern: 'coordinator/death',
    writers: ['seat'],
    qos: 1,
    retained: false,
    about: 'The seat’s will; ignored unless it names the current beacon',
  },
  marker: {
    pattern: 'coordinator/marker',
    writers: ['seat'],
    qos: 0,
    retained: false,
    about: 'Published by a new holder of the seat after it subscribed: what was retained came before it',
  },
  offer: {
    pattern: 'coordinator/offer',
    writers: ['device'],
    qos: 0,
    retained: false,
    about: 'While there is no coordinator: an agent is about to become a candidate, so that not all do',
  },
  auction: {
    pattern: 'coordinator/auction',
    writers: ['seat'],
    qos: 0,
    retained: false,
    about: 'A round of an auction: what waits for a device, by kind',
  },
  state: {
    pattern: 'devices/:id/state',
    writers: ['device'],
    qos: 1,
    retained: true,
    about: 'What a device is and offers; with `online: false` also its will',
  },
  load: {
    pattern: 'devices/:id/load',
    writers: ['device'],
    qos: 0,
    retained: false,
    about: 'A device’s heartbeat with its measured load',
  },
  report: {
    pattern: 'devices/:id/report',
    writers: ['device'],
    qos: 1,
    retained: false,
    about: 'What a device holds, what it refused, what finished',
  },
  inbox: {
    pattern: 'devices/:id/inbox',
    writers: ['seat'],
    qos: 1,
    retained: false,
    about: 'Orders for a device, batched per tick: assign, revoke, acknowledge',
  },
  bid: {
    pattern: 'devices/:id/bid',
    writers: ['device'],
    qos: 0,
    retained: false,
    about: 'A device’s one answer to a round of an auction',
  },
  desired: {
    pattern: 'devices/:id/desired',
    writers: ['operator'],
    qos: 1,
    retained: true,
    about: 'What an operator wants of a device: cordon, drain, hold',
  },
  spec: {
    pattern: 'tasks/:id/spec',
    writers: ['submitter', 'operator', 'seat'],
    qos: 1,
    retained: true,
    about: 'The task, or `{"withdraw":true}`; the seat clears it when the task has ended',
  },
  status: {
    pattern: 'tasks/:id/status',
    writers: ['seat'],
    qos: 1,
    retained: true,
    about: 'What the coordinator knows of a task',
  },
  results: {
    pattern: 'tasks/:id/results/:page',
    writers: ['seat'],
    qos: 1,
    retained: true,
    about: 'A page of an array’s results; a coordinator writes only its own pages',
  },
  log: {
    pattern: 'tasks/:id/log',
    writers: ['device'],
    qos: 0,
    retained: false,
    about: 'Output of a running task, in chunks',
  },
  config: {
    pattern: 'config',
    writers: ['operator'],
    qos: 1,
    retained: true,
    about: 'Settings of the whole mesh',
  },
  events: {
    pattern: 'events',
    writers: ['seat'],
    qos: 0,
    retained: false,
    about: 'Every decision and why, one object each',
  },
} as const satisfies Record<string, TopicRule>

export type Route = keyof typeof TOPICS

/** A topic taken apart. `id` is the device's or the task's, where the route has one. */
export interface Address {
  readonly mesh: string
  readonly route: Route
  readonly id?: string
  /** The name of a page of results. */
  readonly page?: string
}

const ROUTES_WITH_ID = new Map<string, Route>()
const ROUTES_WITHOUT_ID = new Map<string, Route>()
for (const [route, rule] of Object.entries(TOPICS) as [Route, TopicRule][]) {
  if (rule.pattern.includes(':id')) ROUTES_WITH_ID.set(rule.pattern, route)
  else ROUTES_WITHOUT_ID.set(rule.pattern, route)
}

/** Between a task's id and the name of a page. */
const PAGES = '/results/'

type Parts = Readonly<Record<Route, { readonly before: string; readonly after: string | undefined }>>

/** A process has one mesh, or a simulator's many agents have it together: the last one's parts are shared. */
let latest: { readonly prefix: string; readonly parts: Parts } | undefined

function partsBelow(prefix: string): Parts {
  const parts = Object.entries(TOPICS).map(([route, { pattern }]) => {
    const [before, after] = pattern.split(':id') as [string, string | undefined]
    return [route, { before: prefix + before, after: after?.replace(':page', '+') }] as const
  })
  return Object.fromEntries(parts) as Parts
}

/** Topics of one mesh. Build it once a process; the strings are made by concatenation. */
export class Topics {
  readonly mesh: string
  readonly #prefix: string
  /** Each route's topic up to its id and after it; without an id, the whole of it. */
  readonly #parts: Parts

  /** @throws RangeError when `mesh` is not an id. */
  constructor(mesh: string) {
    if (!isId(mesh)) throw new RangeError(`mesh ${JSON.stringify(mesh)} is not an id`)
    this.mesh = mesh
    this.#prefix = `${TOPIC_ROOT}/${mesh}/`
    if (latest?.prefix !== this.#prefix) latest = { prefix: this.#prefix, parts: partsBelow(this.#prefix) }
    this.#parts = latest.parts
  }

  readonly seatClientId = (): string => `covey-${this.mesh}-seat`
  readonly agentClientId = (device: string): string => `covey-${this.mesh}-agent-${device}`

  /** The concrete topic of a route; `id` is required where the route has one, `'+'` makes a filter. */
  of(route: Route, id?: string): string {
    const { before, after } = this.#parts[route]
    if (after === undefined) return before
    if (id === undefined) throw new RangeError(`the topic of ${route} needs an id`)
    return before + id + after
  }

  /** The topic of a page of a task's results; `'+'` for the page makes a filter of them all. */
  ofPage(task: string, page: string): string {
    return `${this.#parts.results.before}${task}${PAGES}${page}`
  }

  /** The subscription filter that matches a route for every id. */
  all(route: Route): string {
    return this.of(route, '+')
  }

  /** Takes a topic of this mesh apart; `undefined` when it is not one of the protocol's. Ids are not judged. */
  parse(topic: string): Address | undefined {
    if (!topic.startsWith(this.#prefix)) return undefined
    return parseBelow(this.mesh, topic.slice(this.#prefix.length))
  }
}

/** Takes any topic of the protocol apart, whichever the mesh; `undefined` when it is none. Ids are not judged. */
export function parseTopic(topic: string): Address | undefined {
  if (!topic.startsWith(`${TOPIC_ROOT}/`)) return undefined
  const rest = topic.slice(TOPIC_ROOT.length + 1)
  const slash = rest.indexOf('/')
  if (slash < 1) return undefined
  return parseBelow(rest.slice(0, slash), rest.slice(slash + 1))
}

function parseBelow(mesh: string, rest: string): Address | undefined {
  const plain = ROUTES_WITHOUT_ID.get(rest)
  if (plain !== undefined) return { mesh, route: plain }
  const first = rest.indexOf('/')
  const second = rest.indexOf('/', first + 1)
  if (first < 0 || second < 0) return undefined
  const third = rest.indexOf('/', second + 1)
  if (third >= 0) return parsePage(mesh, rest, first, second, third)
  const route = ROUTES_WITH_ID.get(`${rest.slice(0, first)}/:id/${rest.slice(second + 1)}`)
  return route === undefined ? undefined : { mesh, route, id: rest.slice(first + 1, second) }
}

/** The slashes' places are the first three of `rest`. */
function parsePage(
  mesh: string,
  rest: string,
  first: number,
  second: number,
  third: number,
): Address | undefined {
  if (rest.indexOf('/', third + 1) >= 0) return undefined
  const route = ROUTES_WITH_ID.get(`${rest.slice(0, first)}/:id/${rest.slice(second + 1, third)}/:page`)
  if (route === undefined) return undefined
  return { mesh, route, id: rest.slice(first + 1, second), page: rest.slice(third + 1) }
}
