/**
 * The two scenarios of the live benchmark. Only a few devices may coordinate, so that those who are killed over and over
 * are always the same; the others connect a few dozen a second.
 */
import { parseScenario } from '../simulations/scenario/parse.ts'
import type { Scenario } from '../simulations/scenario/scenario.ts'

export interface LiveSize {
  /** In all, of which `workers` run the long tasks and `heads` may coordinate. */
  readonly devices: number
  readonly workers: number
  /** Seconds in which all devices start, and seconds of tasks and faults after it. */
  readonly startSeconds: number
  readonly busySeconds: number
}

export const HEADS = 6
/** Real processes a second, of both kinds together. */
export const TASKS_A_SECOND = 6

const fleet = ({ devices, workers, startSeconds }: LiveSize): string => `
timing: { interval: 2s }
fleet:
  - { class: head, count: ${HEADS}, capacity: { cpu: 500m, memory: 256Mi }, candidate: prefer, start: 500ms }
  - { class: worker, count: ${workers}, capacity: { cpu: 4, memory: 4Gi }, candidate: never, start: ${startSeconds}s }
  - { class: sensor, count: ${devices - workers - HEADS}, capacity: { cpu: 500m, memory: 256Mi }, candidate: never, start: ${startSeconds}s }
`

const expectations = 'expect: { lost: 0, endedTwice: 0, unfinished: 0, violations: 0 }\n'

/** What the simulated machine is calibrated on: no faults, other tasks. */
export function calibrationScenario(size: LiveSize): Scenario {
  // The second half is measured, so it must not hold the start.
  const duration = 2 * Math.max(size.startSeconds + 5, 20)
  return parseScenario(
    `name: live-calibration
about: A fleet that starts and then runs tasks of one second
duration: ${duration}s
settle: 2m
${fleet(size)}
tasks:
  - class: second
    arrive: [{ pattern: steady, rate: ${TASKS_A_SECOND}, from: ${duration / 2}s }]
    run: { mean: 1s }
    resources: { cpu: 50m, memory: 8Mi }
${expectations}`,
    'live-calibration',
  )
}

/** What is compared: short and long tasks, coordinators and workers that are killed again and again. */
export function comparedScenario(size: LiveSize): Scenario {
  const from = size.startSeconds + 10
  return parseScenario(
    `name: live-fleet
about: A fleet whose coordinators and workers are killed again and again
duration: ${from + size.busySeconds}s
settle: 2m
${fleet(size)}
tasks:
  - class: short
    arrive: [{ pattern: poisson, rate: ${TASKS_A_SECOND / 2}, from: ${from}s }]
    run: { mean: 500ms }
    resources: { cpu: 50m, memory: 8Mi }
  - class: long
    arrive: [{ pattern: poisson, rate: ${TASKS_A_SECOND / 2}, from: ${from}s }]
    run: { shape: exponential, mean: 15s, most: 60s }
    resources: { cpu: 1, memory: 64Mi }
faults:
  - { kind: crash, every: 12s, from: ${from + 6}s, duration: 6s, targets: coordinator }
  - { kind: crash, every: 6s, from: ${from + 9}s, duration: 3s, targets: { class: worker, fraction: 0.08 } }
${expectations}`,
    'live-fleet',
  )
}
