/**
 * Who may publish and subscribe where, derived from the protocol's table of topics.
 *
 * Publishing follows the writer column. A device writes below its own name only; the seat's topics belong to the
 * connection that holds the seat's client id, which a coordinator's password alone can open. Reading is open to the
 * roles that work with tasks, with two exceptions: what is addressed to one device, and what a worker has no need of.
 */
import { CoveyError } from '../shared/errors/errors.ts'
import { isId } from '../shared/protocol/ids.ts'
import {
  parseTopic,
  type Route,
  TOPIC_ROOT,
  TOPICS,
  type TopicRule,
  type Writer,
} from '../shared/protocol/topics.ts'
import type { User } from './passwords.ts'
import { filtersOverlap } from './topic-filter.ts'

/** What a connection may do: its user, and the mesh whose seat it holds. */
export interface Grant extends User {
  readonly seatOf?: string
}

const SEAT = /^covey-(.+)-seat$/
const AGENT = 'covey-'
const AGENT_INFIX = '-agent-'

/**
 * What a user gets with a client id. Ids of the form of a seat's or an agent's are given only to those they belong to.
 * `covey-a-agent-b-seat` has both forms; the stricter one, the seat's, decides.
 */
export function grantFor(user: User, clientId: string): Grant | CoveyError {
  const seatOf = SEAT.exec(clientId)?.[1]
  if (seatOf !== undefined && isId(seatOf)) {
    if (user.role !== 'coordinator' || !inMesh(user, seatOf)) {
      return denied(`${user.user} (${user.role}) may not hold the seat of ${seatOf}`)
    }
    return { ...user, seatOf }
  }
  const agents = agentReadings(clientId)
  if (agents.length === 0) return user
  const own = agents.some(({ mesh, device }) => device === user.device && inMesh(user, mesh))
  return own ? user : denied(`${user.user} (${user.role}) may not be the agent ${clientId}`)
}

/** Whether a connection of that id holds the seat of the mesh; admission has seen to it that it may. */
export function holdsSeat(clientId: string, mesh: string): boolean {
  return SEAT.exec(clientId)?.[1] === mesh
}

/** Why a connection may not publish there; `undefined` when it may. The topic is well formed. */
export function refusePublish(grant: Grant, topic: string): CoveyError | undefined {
  const address = parseTopic(topic)
  if (address === undefined) {
    return grant.role === 'operator'
      ? undefined
      : denied(`${grant.user} (${grant.role}) may not publish on ${topic}`)
  }
  const rule: TopicRule = TOPICS[address.route]
  const may = inMesh(grant, address.mesh) && rule.writers.some((writer) => actsAs(grant, writer, address))
  return may ? undefined : denied(`${grant.user} (${grant.role}) may not publish on ${topic}`)
}

/** Why a connection may not subscribe; `undefined` when all that the filter can match is its to read. */
export function refuseSubscribe(grant: Grant, filter: string): CoveyError | undefined {
  const refusal = (): CoveyError => denied(`${grant.user} (${grant.role}) may not subscribe to ${filter}`)
  if (!filtersOverlap(filter, `${TOPIC_ROOT}/#`)) return grant.role === 'operator' ? undefined : refusal()
  const levels = filter.split('/')
  const mesh = levels[2]
  // A filter that reaches beyond the protocol, or over all meshes, is for who may read all that.
  const within = filter.startsWith(`${TOPIC_ROOT}/`) && mesh !== undefined
  if (!within) return grant.role === 'operator' && grant.mesh === undefined ? undefined : refusal()
  if (grant.mesh !== undefined && mesh !== grant.mesh) return refusal()
  for (const [route, { pattern }] of Object.entries(TOPICS) as [Route, TopicRule][]) {
    const below = pattern.replaceAll(/:[a-z]+/g, '+')
    if (filtersOverlap(levels.slice(3).join('/') || '#', below) && !mayRead(grant, route, levels[4]))
      return refusal()
  }
  return undefined
}

/** Topics that only some roles read; the others are open to every role but `device`. */
const READERS: Partial<Record<Route, readonly User['role'][]>> = {
  inbox: ['operator', 'coordinator'],
  report: ['operator', 'coordinator'],
  bid: ['operator', 'coordinator'],
}

/** What a worker needs: who coordinates, what is up for auction, and the mesh's settings. What is below its own device it reads anyway. */
const DEVICE_READS: readonly Route[] = ['beacon', 'death', 'marker', 'offer', 'auction', 'state', 'config']

function mayRead(grant: Grant, route: Route, id: string | undefined): boolean {
  if (grant.device !== undefined && id === grant.device && belongsToDevice(route)) return true
  if (grant.role === 'device') return DEVICE_READS.includes(route)
  return READERS[route]?.includes(grant.role) ?? true
}

function actsAs(
  grant: Grant,
  writer: Writer,
  { mesh, route, id }: { mesh: string; route: Route; id?: string },
): boolean {
  switch (writer) {
    case 'seat':
      return grant.seatOf === mesh
    case 'device':
      return grant.device !== undefined && (!belongsToDevice(route) || id === grant.device)
    case 'submitter':
    case 'operator':
      return grant.role === writer
  }
}

/** Whether the id in a route's topics is a device's. */
const belongsToDevice = (route: Route): boolean => TOPICS[route].pattern.startsWith('devices/:id/')

const inMesh = (user: User, mesh: string): boolean => user.mesh === undefined || user.mesh === mesh

/** Ids may hold `-agent-` themselves, so a client id can be read in several ways. */
function agentReadings(clientId: string): { mesh: string; device: string }[] {
  const readings: { mesh: string; device: string }[] = []
  if (!clientId.startsWith(AGENT)) return readings
  for (let at = clientId.indexOf(AGENT_INFIX); at >= 0; at = clientId.indexOf(AGENT_INFIX, at + 1)) {
    const mesh = clientId.slice(AGENT.length, at)
    const device = clientId.slice(at + AGENT_INFIX.length)
    if (isId(mesh) && isId(device)) readings.push({ mesh, device })
  }
  return readings
}

function denied(message: string): CoveyError {
  return new CoveyError('E_DENIED', message)
}
