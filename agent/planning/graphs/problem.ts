/**
 * The problem of a workflow as a planner sees it: tasks that wait for others, what has to get from one to the other,
 * devices of unlike speed and the links between them. It is the model of Topcuoglu, Hariri and Wu (2002): a device
 * runs one task at a time and does not interrupt it, what stays on a device costs nothing to hand on, and transfers
 * do not slow each other down.
 */

/** A piece of work. */
export interface GraphTask {
  readonly id: string
  /** How much there is to do, in units of which a device does `speed` in a second. */
  readonly cost: number
  /** By device id: seconds that it takes there, where the device's speed does not tell. */
  readonly seconds?: Readonly<Record<string, number>>
  /** Ids of the devices that may take it. Default: all. */
  readonly eligible?: readonly string[]
}

/** `to` begins when it has what `from` put out. */
export interface Dependency {
  readonly from: string
  readonly to: string
  /** What is handed on, in the unit in which links are measured, such as bytes. */
  readonly size: number
}

export interface GraphDevice {
  readonly id: string
  readonly speed: number
}

/** How long it takes from one device to another: the latency, and the size by the bandwidth. */
export interface Link {
  readonly from: string
  readonly to: string
  /** Size in a second. It holds both ways, unless the other way has a link of its own. */
  readonly bandwidth: number
  /** Default: none. */
  readonly latencySeconds?: number
}

export interface GraphProblem {
  readonly tasks: readonly GraphTask[]
  readonly dependencies: readonly Dependency[]
  readonly devices: readonly GraphDevice[]
  /** Between any two devices. */
  readonly links: readonly Link[]
}

export const TASKS_MAX = 20_000
export const DEPENDENCIES_MAX = 200_000
export const DEVICES_MAX = 500
/** Tasks times devices: tables have a place for each pair. */
export const PAIRS_MAX = 2_000_000
/** Costs, sizes, speeds, bandwidths and seconds: what is larger, or nearer to nothing, would drown in rounding. */
export const AMOUNT_MAX = 1e15
export const AMOUNT_MIN = 1e-9

/** What is wrong with a problem, where, and what would be right; `undefined` when it can be planned. */
export function faultOfGraph(problem: GraphProblem): string | undefined {
  return (
    faultOfSize(problem) ?? faultOfDevices(problem) ?? faultOfTasks(problem) ?? faultOfDependencies(problem)
  )
}

function faultOfSize({ tasks, dependencies, devices }: GraphProblem): string | undefined {
  if (tasks.length > TASKS_MAX)
    return `tasks: ${tasks.length}, at most ${TASKS_MAX}; plan a part of the graph`
  if (dependencies.length > DEPENDENCIES_MAX) {
    return `dependencies: ${dependencies.length}, at most ${DEPENDENCIES_MAX}; plan a part of the graph`
  }
  if (devices.length > DEVICES_MAX) {
    return `devices: ${devices.length}, at most ${DEVICES_MAX}; plan for a part of them`
  }
  if (tasks.length * devices.length > PAIRS_MAX) {
    return `tasks: ${tasks.length} for ${devices.length} devices, at most ${PAIRS_MAX} pairs; plan for fewer devices`
  }
  if (devices.length === 0 && tasks.length > 0) return 'devices: there are none; name one at least'
  return undefined
}

function faultOfDevices({ devices, links }: GraphProblem): string | undefined {
  const known = new Set<string>()
  for (const { id, speed } of devices) {
    if (known.has(id)) return `devices: ${id} is there twice; give each an id of its own`
    known.add(id)
    if (!isPositive(speed)) return `devices: ${id}: its speed is ${speed}; ${POSITIVE}`
  }
  const linked = new Map<string, Set<string>>(devices.map(({ id }) => [id, new Set()]))
  for (const { from, to, bandwidth, latencySeconds = 0 } of links) {
    const where = `links: ${from} to ${to}`
    const stranger = [from, to].find((id) => !known.has(id))
    if (stranger !== undefined) return `${where}: ${stranger} is none of the devices; name those only`
    if (from === to) return `${where}: what stays on a device needs no link; leave it out`
    if (linked.get(from)?.has(to)) return `${where}: it is there twice; give one for each way`
    linked.get(from)?.add(to)
    if (!isPositive(bandwidth)) return `${where}: its bandwidth is ${bandwidth}; ${POSITIVE}`
    if (!isAmount(latencySeconds)) return `${where}: its latency is ${latencySeconds}; ${AMOUNT} of seconds`
  }
  for (const { id } of devices) {
    for (const { id: other } of devices) {
      if (id !== other && !linked.get(id)?.has(other) && !linked.get(other)?.has(id)) {
        return `links: there is none between ${id} and ${other}; give one for any two devices`
      }
    }
  }
  return undefined
}

function faultOfTasks({ tasks, devices }: GraphProblem): string | undefined {
  const known = new Set(devices.map(({ id }) => id))
  const seen = new Set<string>()
  for (const { id, cost, seconds = {}, eligible } of tasks) {
    const where = `tasks: ${id}`
    if (seen.has(id)) return `${where} is there twice; give each an id of its own`
    seen.add(id)
    if (!isAmount(cost)) return `${where}: its cost is ${cost}; ${AMOUNT}`
    const stranger = [...Object.keys(seconds), ...(eligible ?? [])].find((device) => !known.has(device))
    if (stranger !== undefined)
      return `${where}: it names ${stranger}, which is none of the devices; name those only`
    const wrong = Object.keys(seconds).find((device) => !isAmount(seconds[device] as number))
    if (wrong !== undefined) return `${where}: on ${wrong} it takes ${seconds[wrong]}; ${AMOUNT} of seconds`
    if (eligible?.length === 0) return `${where}: no device may take it; name one at least`
  }
  return undefined
}

function faultOfDependencies({ tasks, dependencies }: GraphProblem): string | undefined {
  const successors = new Map<string, Set<string>>(tasks.map(({ id }) => [id, new Set()]))
  for (const { from, to, size } of dependencies) {
    const where = `dependencies: ${from} to ${to}`
    const stranger = [from, to].find((id) => !successors.has(id))
    if (stranger !== undefined) return `${where}: ${stranger} is none of the tasks; name those only`
    if (successors.get(from)?.has(to)) return `${where}: it is there twice; add the sizes up`
    successors.get(from)?.add(to)
    if (!isAmount(size)) return `${where}: its size is ${size}; ${AMOUNT}`
  }
  const waiting = new Map<string, number>(tasks.map(({ id }) => [id, 0]))
  for (const { to } of dependencies) waiting.set(to, (waiting.get(to) ?? 0) + 1)
  const free = tasks.filter(({ id }) => waiting.get(id) === 0).map(({ id }) => id)
  for (const id of free) {
    waiting.delete(id)
    for (const next of successors.get(id) ?? []) {
      const left = (waiting.get(next) ?? 0) - 1
      waiting.set(next, left)
      if (left === 0) free.push(next)
    }
  }
  const [stuck] = waiting.keys()
  return stuck === undefined
    ? undefined
    : `dependencies: ${stuck} waits for itself, or for tasks that do; break the cycle`
}

const AMOUNT = `give a number from 0 to ${AMOUNT_MAX}`
const POSITIVE = `give a number from ${AMOUNT_MIN} to ${AMOUNT_MAX}`
const isAmount = (value: number): boolean => value >= 0 && value <= AMOUNT_MAX
const isPositive = (value: number): boolean => value >= AMOUNT_MIN && value <= AMOUNT_MAX
