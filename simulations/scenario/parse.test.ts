import { describe, expect, it } from 'vitest'
import { CoveyError } from '../../shared/errors/errors.ts'
import { parseScenario } from './parse.ts'
import { ScenarioError } from './positions.ts'

const GOOD = `name: small
about: Two devices
duration: 1m
fleet:
  - class: pi
    count: 2
    labels: { room: attic }
    capacity: { cpu: 2, memory: 1Gi }
tasks:
  - class: work
    arrive:
      - { pattern: steady, rate: 1 }
    run: { mean: 1s }
faults:
  - { kind: crash, at: 10s, targets: coordinator }
operations:
  - { do: drain, at: 20s, duration: 5s }
expect:
  lost: 0
  latency.ended.p99: "<= 5s"
`

/** The scenario with one text in it replaced by another. */
function changed(from: string, to: string): string {
  expect(GOOD).toContain(from)
  return GOOD.replace(from, to)
}

function errorOf(text: string): ScenarioError {
  try {
    parseScenario(text, 'my.yaml')
  } catch (error) {
    expect(error).toBeInstanceOf(ScenarioError)
    return error as ScenarioError
  }
  throw new Error('it was taken')
}

describe('a scenario that is right', () => {
  it('is read into milliseconds, with what it does not say filled in', () => {
    expect(parseScenario(GOOD, 'my.yaml')).toMatchObject({
      name: 'small',
      durationMs: 60_000,
      settleMs: 300_000,
      variant: 'covey',
      expectations: [
        { figure: 'lost', operator: '==', bound: 0 },
        { figure: 'latency.ended.p99', operator: '<=', bound: 5_000 },
      ],
    })
  })

  it('may use YAML anchors and name its agents’ times', () => {
    const text = changed('tasks:', 'timing: { interval: 500ms, lostGrace: 2s }\ntasks:')
    expect(parseScenario(text, 'my.yaml').timing).toEqual({ intervalMs: 500, lostGraceMs: 2_000 })
  })
})

describe('a scenario that is wrong is refused where it is wrong', () => {
  it.each<[string, string, string, number, number, RegExp, RegExp]>([
    ['no YAML', 'fleet:', 'fleet: [', 5, 12, /./, /YAML/],
    ['a key twice', 'duration: 1m', 'name: again', 3, 1, /unique/, /YAML/],
    ['an unknown key', 'duration:', 'durration:', 3, 1, /unknown key "durration"/, /duration, settle/],
    ['an unknown key in a class', '    count: 2', '    cuont: 2', 6, 5, /unknown key "cuont"/, /count/],
    ['a missing key', 'about: Two devices\n', '', 1, 1, /"about" is missing/, /What it shows/],
    ['a wrong duration', '1m', '1 minute', 3, 11, /"1 minute" is not a duration/, /30s/],
    ['a number for a duration', '1m', '60', 3, 11, /60 is not a duration/, /30s/],
    ['a wrong quantity', '1Gi', '1GiB', 8, 33, /"1GiB" is not a quantity/, /64Mi/],
    ['a run that lasts no time', '1m', '0s', 3, 11, /lasts no time/, /above 0/],
    ['a fleet of no device', 'count: 2', 'count: 0', 5, 3, /the fleet has no device/, /above 0/],
    ['too many devices', 'count: 2', 'count: 20001', 6, 12, /20001/, /20000/],
    [
      'too many devices in all',
      'tasks:',
      '  - { class: b, count: 20000, capacity: { cpu: 1 } }\ntasks:',
      5,
      3,
      /20002 devices/,
      /at most 20000/,
    ],
    [
      'two classes of one name',
      'tasks:',
      '  - { class: pi, count: 1, capacity: { cpu: 1 } }\ntasks:',
      9,
      14,
      /two classes pi/,
      /differ/,
    ],
    [
      'nobody who may coordinate',
      'count: 2',
      'count: 2\n    candidate: never',
      5,
      3,
      /no device may become coordinator/,
      /never/,
    ],
    [
      'a task too large for all',
      'run: {',
      'resources: { cpu: 3 }\n    run: {',
      13,
      16,
      /no class of devices can hold a task of work: pi is too small/,
      /capacity/,
    ],
    [
      'a part of a GPU as capacity',
      'memory: 1Gi }',
      'gpu: 1500m }',
      8,
      30,
      /"1500m" is no number of GPUs/,
      /whole number up to 64/,
    ],
    ['more GPUs than can be', 'memory: 1Gi }', 'gpu: 65 }', 8, 30, /65 is no number of GPUs/, /up to 64/],
    [
      'a task with shares of two GPUs',
      '1Gi }\ntasks:\n  - class: work\n',
      '1Gi, gpu: 2 }\ntasks:\n  - class: work\n    resources: { gpu: 1500m }\n',
      11,
      23,
      /"1500m" is neither a share of one GPU nor a number of whole ones/,
      /such as 500m/,
    ],
    [
      'a task for a label that none has',
      'run: {',
      'where: { room: cellar }\n    run: {',
      13,
      12,
      /pi lacks room=cellar/,
      /labels/,
    ],
    [
      'an unknown pattern',
      'steady',
      'stady',
      12,
      20,
      /"stady" is not known/,
      /mean "steady".*steady, poisson/,
    ],
    ['a pattern without its rate', ', rate: 1', '', 12, 9, /a steady arrival has no rate/, /rate/],
    ['a key of another pattern', 'rate: 1', 'rate: 1, every: 5s', 12, 37, /takes no every/, /rate/],
    ['arrivals after the end', 'rate: 1', 'rate: 1, from: 2m', 12, 43, /2m is after the end/, /60s/],
    [
      'times out of order',
      'rate: 1',
      'rate: 1, from: 20s, to: 10s',
      12,
      52,
      /ends at 10s, before it begins at 20s/,
      /from before to/,
    ],
    ['more tasks than can be', 'rate: 1', 'rate: 100000', 12, 9, /about 6000000 tasks/, /1000000/],
    [
      'an unknown fault',
      'kind: crash',
      'kind: crush',
      15,
      13,
      /"crush" is not known/,
      /mean "crash".*crash, /,
    ],
    ['a fault at no time', ', at: 10s', '', 15, 5, /nothing says when/, /at, every, rate/],
    ['a fault at two times', 'at: 10s', 'at: 10s, every: 5s', 15, 5, /both at and every/, /exactly one/],
    ['a fault beyond the end', 'at: 10s', 'at: 61s', 15, 24, /61s is after the end/, /60s/],
    [
      'a task after no class',
      '    run: { mean: 1s }',
      '    after: [nap]\n    run: { mean: 1s }',
      13,
      13,
      /no class of tasks nap/,
      /one of: work/,
    ],
    [
      'a task after itself',
      '    run: { mean: 1s }',
      '    after: [work]\n    run: { mean: 1s }',
      13,
      13,
      /is after work, and work after it/,
      /no cycle/,
    ],
    ['a fault on no class', 'coordinator', '{ class: tv }', 15, 47, /no device of class tv/, /one of: pi/],
    ['a fault on no device', 'coordinator', '{ devices: [pi-1, pi-3] }', 15, 56, /no device pi-3/, /CLASS-1/],
    [
      'an unknown key in targets',
      'coordinator',
      '{ clas: pi }',
      15,
      40,
      /unknown key "clas"/,
      /class, devices/,
    ],
    [
      'a word as targets',
      'coordinator',
      'everybody',
      15,
      38,
      /"everybody" is not of type object/,
      /coordinator/,
    ],
    [
      'a kind that has no coordinator',
      'kind: crash',
      'kind: wipe',
      15,
      37,
      /wipe cannot be aimed/,
      /crash, power/,
    ],
    [
      'targets of the broker',
      'kind: crash',
      'kind: broker-restart',
      15,
      47,
      /finds its target itself/,
      /no targets/,
    ],
    ['an operation beyond the end', 'at: 20s', 'at: 2h', 17, 22, /2h is after the end/, /60s/],
    ['an unknown figure', 'lost: 0', 'lots: 0', 19, 3, /no figure "lots"/, /lost, endedTwice/],
    ['no comparison', '"<= 5s"', 'soon', 20, 22, /"soon" is no comparison of a time/, /<= 5s/],
    [
      'no expectation at all',
      '  lost: 0\n  latency.ended.p99: "<= 5s"\n',
      '  {}\n',
      19,
      3,
      /fewer than 1|properties/,
      /./,
    ],
  ])('%s', (_, from, to, line, column, message, remedy) => {
    const error = errorOf(changed(from, to))
    expect(error.code).toBe('E_SCENARIO')
    expect(error.message).toMatch(message)
    expect(error.remedy).toMatch(remedy)
    expect([error.line, error.column]).toEqual([line, column])
    expect(error.message).toContain(`my.yaml:${line}:${column}: `)
    expect(error).toBeInstanceOf(CoveyError)
  })
})
