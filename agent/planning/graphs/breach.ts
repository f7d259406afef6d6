/**
 * Checks a schedule by the words of the problem alone. It shares nothing with the planners, so that it does not share
 * their errors.
 */
import type { GraphProblem } from './problem.ts'
import type { Step } from './schedule.ts'

/** Sums of seconds differ by rounding when they are added up in another order. */
const ROUNDING = 1e-9

/** The first rule that a schedule breaks, where and by how much; `undefined` when it keeps them all. */
export function breach(problem: GraphProblem, steps: readonly Step[], makespan: number): string | undefined {
  const slack = ROUNDING * Math.max(1, makespan)
  const byTask = new Map(steps.map((step) => [step.task, step]))
  if (byTask.size !== steps.length) return 'a task is there twice'
  if (steps.length !== problem.tasks.length) {
    return `${steps.length} tasks are placed of ${problem.tasks.length}`
  }
  for (const { id, cost, seconds = {}, eligible } of problem.tasks) {
    const step = byTask.get(id)
    if (step === undefined) return `${id} is not placed`
    const device = problem.devices.find((each) => each.id === step.device)
    if (device === undefined) return `${id} is on ${step.device}, which is none of the devices`
    if (eligible?.includes(device.id) === false) return `${id} may not run on ${device.id}`
    if (!(step.start >= 0)) return `${id} starts at ${step.start}`
    const takes = seconds[device.id] ?? cost / device.speed
    if (!(Math.abs(step.end - step.start - takes) <= slack)) {
      return `${id} runs from ${step.start} to ${step.end} and takes ${takes} on ${device.id}`
    }
  }
  return (
    breachOfOrder(problem, byTask, slack) ??
    breachOfDevices(problem, steps, slack) ??
    breachOfEnd(steps, makespan, slack)
  )
}

function breachOfOrder(
  { dependencies, links }: GraphProblem,
  byTask: ReadonlyMap<string, Step>,
  slack: number,
): string | undefined {
  for (const { from, to, size } of dependencies) {
    const before = byTask.get(from) as Step
    const after = byTask.get(to) as Step
    let arrival = before.end
    if (before.device !== after.device) {
      const link =
        links.find((each) => each.from === before.device && each.to === after.device) ??
        links.find((each) => each.from === after.device && each.to === before.device)
      if (link === undefined) return `there is no link from ${before.device} to ${after.device}`
      arrival += (link.latencySeconds ?? 0) + size / link.bandwidth
    }
    if (!(after.start >= arrival - slack)) {
      return `${to} starts at ${after.start}, before what ${from} hands on is there at ${arrival}`
    }
  }
  return undefined
}

function breachOfDevices(
  { devices }: GraphProblem,
  steps: readonly Step[],
  slack: number,
): string | undefined {
  for (const { id } of devices) {
    // What takes no time is in nobody's way.
    const here = steps.filter(({ device, start, end }) => device === id && end > start)
    here.sort((a, b) => a.start - b.start)
    for (const [at, step] of here.entries()) {
      const last = here[at - 1]
      if (last !== undefined && step.start < last.end - slack) {
        return `${step.task} starts on ${id} at ${step.start}, before ${last.task} ends at ${last.end}`
      }
    }
  }
  return undefined
}

function breachOfEnd(steps: readonly Step[], makespan: number, slack: number): string | undefined {
  const end = Math.max(0, ...steps.map((step) => step.end))
  return Math.abs(end - makespan) <= slack ? undefined : `the last task ends at ${end}, not at ${makespan}`
}
