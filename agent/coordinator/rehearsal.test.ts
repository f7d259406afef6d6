import { describe, expect, it } from 'vitest'
import type { DeviceState, TaskSpec, TaskStatus } from '../../shared/protocol/schemas/index.ts'
import { rehearse, type Situation } from './rehearsal.ts'

const NOW = { monoMs: 0, wallMs: 1_700_000_000_000 }

const state = (capacity: DeviceState['capacity'], labels: Record<string, string> = {}): DeviceState => ({
  incarnation: 1,
  nonce: 'n',
  online: true,
  labels,
  capacity,
  executors: ['exec'],
  candidate: 'auto',
  version: '1',
})

const status = (task: string, more: Partial<TaskStatus>): TaskStatus => ({
  task,
  state: 'running',
  digest: '',
  term: 1,
  agent: 'a',
  attempts: 1,
  failed: 0,
  lost: 0,
  explanation: '',
  times: {},
  ...more,
})

const spec = (more: Partial<TaskSpec> = {}): TaskSpec => ({ run: { exec: ['true'] }, ...more })

function situation(more: Partial<Situation> = {}): Situation {
  return {
    devices: [
      { id: 'pi', state: state({ cpu: '1', memory: '100Mi' }, { arch: 'arm64' }) },
      { id: 'pc', state: state({ cpu: '8', memory: '8Gi' }, { arch: 'x64' }) },
    ],
    config: undefined,
    statuses: [],
    specs: new Map(),
    ...more,
  }
}

describe('rehearsal', () => {
  it.each(['dp', 'heuristic', 'genetic'] as const)('plans tasks together by %s', (strategy) => {
    const sized = (cpu: number) => ({ id: `t${cpu}`, spec: spec({ resources: { cpu, memory: '1Mi' } }) })
    const devices = [6, 4].map((cpu, n) => ({ id: `d${n}`, state: state({ cpu, memory: '1Gi' }) }))
    const wanted = [2, 3, 4].map(sized)
    const { outcomes } = rehearse(situation({ devices, config: { strategy } }), wanted, NOW)
    expect(outcomes.map((one) => one.waiting)).toEqual([0, 0, 0])
    expect(outcomes[0]?.explanation).toContain(`by ${strategy}, one of 3 tasks planned over 2 devices`)
    for (const { candidates, devices: on } of outcomes)
      expect(candidates.map(({ device }) => device)).toEqual(Object.keys(on))
  })

  it('places tasks in turn, each with what the ones before left', () => {
    const one = spec({ where: { arch: 'arm64' }, resources: { cpu: '600m', memory: '50Mi' } })
    const { outcomes } = rehearse(
      situation(),
      [
        { id: 'a', spec: one },
        { id: 'b', spec: one },
      ],
      NOW,
    )
    expect(outcomes[0]).toMatchObject({
      task: 'a',
      devices: { pi: 1 },
      waiting: 0,
      impossible: false,
      candidates: [{ device: 'pi', score: 0.4 }],
    })
    expect(outcomes[1]).toMatchObject({ task: 'b', devices: {}, waiting: 1, impossible: false })
    expect(outcomes[1]?.explanation).toBe(
      'waits: 1 of 2 devices have too little left; 1 lack arch=arm64; 200m more cpu on pi would do',
    )
  })

  it('names the change that helps a task in its turn, whatever is placed after it', () => {
    const first = { id: 'first', spec: spec({ where: { arch: 'arm64' }, resources: { memory: '101Mi' } }) }
    const { outcomes } = rehearse(
      situation(),
      [first, { id: 'then', spec: spec({ where: { arch: 'arm64' } }) }],
      NOW,
    )
    expect(outcomes[0]?.explanation).toContain('; 1Mi more memory on pi would do')
    expect(outcomes[1]).toMatchObject({ devices: { pi: 1 } })
  })

  it('says of what no device could ever take that it is impossible', () => {
    const { outcomes } = rehearse(situation(), [{ id: 'a', spec: spec({ where: { arch: 'riscv' } }) }], NOW)
    expect(outcomes).toMatchObject([{ impossible: true, waiting: 1, reasons: { 'lack arch=riscv': 2 } }])
  })

  it('counts what is placed, what waits already, and what operators wish', () => {
    const { devices } = situation()
    const [pi, pc] = devices as [(typeof devices)[number], (typeof devices)[number]]
    const wanted = [{ id: 'new', spec: spec({ resources: { cpu: '500m' } }) }]
    const specs = new Map([
      ['runs', spec({ resources: { cpu: '700m' } })],
      ['waits', spec({ resources: { cpu: '7' } })],
      ['blocked', spec({ after: ['runs'], resources: { cpu: '1' } })],
    ])
    const statuses = [
      status('runs', { device: 'pi' }),
      status('waits', { state: 'pending' }),
      status('blocked', { state: 'pending' }),
    ]
    const both = rehearse(situation({ statuses, specs }), wanted, NOW).outcomes
    expect(both).toMatchObject([{ devices: { pc: 1 } }])
    const cordoned = [pi, { ...pc, desired: { cordon: true } }]
    expect(
      rehearse(situation({ devices: cordoned, statuses, specs }), wanted, NOW).outcomes[0]?.explanation,
    ).toBe('waits: 1 of 2 devices are cordoned; 1 have too little left; 200m more cpu on pi would do')
  })

  it('tells of a task that waits for another of its turn, where both are placed in the end', () => {
    const { outcomes } = rehearse(
      situation(),
      [
        { id: 'reader', spec: spec({ near: [{ group: 'store' }] }) },
        { id: 'store', spec: spec({ group: 'store' }) },
      ],
      NOW,
    )
    const [reader, store] = outcomes
    expect(reader).toMatchObject({ waiting: 0, devices: store?.devices, impossible: false })
    expect(reader?.explanation).toMatch(/^placed on /)
    expect(reader).not.toHaveProperty('reasons')
  })

  it('knows the quotas of tenants, and what they have reserved already', () => {
    const big = spec({ tenant: 'lab', resources: { cpu: '3', memory: '50Mi' } })
    const { outcomes } = rehearse(
      situation({
        config: { tenants: { lab: { quota: { cpu: '5' } } } },
        statuses: [status('runs', { device: 'pc' })],
        specs: new Map([['runs', big]]),
      }),
      [
        { id: 'theirs', spec: big },
        { id: 'others', spec: spec({ resources: { cpu: '3', memory: '50Mi' } }) },
      ],
      NOW,
    )
    expect(outcomes).toMatchObject([
      {
        devices: {},
        explanation:
          'waits: tenant lab has reserved 3 of its quota of 5 cpu, and this needs 3; it is used by runs (3)',
      },
      { devices: { pc: 1 } },
    ])
  })

  it('says what would be rejected, and goes on without it', () => {
    const asks = (cpu: string, more: Partial<TaskSpec> = {}) =>
      spec({ tenant: 'lab', resources: { cpu, memory: '1Mi' }, ...more })
    const { outcomes } = rehearse(
      situation({ config: { tenants: { lab: { quota: { cpu: 5 } } } } }),
      [
        { id: 'huge', spec: asks('6') },
        { id: 'late', spec: asks('1', { deadline: '2001-01-01T00:00:00Z' }) },
        { id: 'fits', spec: asks('5') },
      ],
      NOW,
    )
    expect(outcomes).toMatchObject([
      {
        devices: {},
        waiting: 1,
        impossible: true,
        rejected: 'E_QUOTA_SIZE',
        explanation: 'would be rejected: the quota of tenant lab is 5 cpu, and this needs 6',
      },
      { impossible: true, rejected: 'E_DEADLINE' },
      { devices: { pc: 1 } },
    ])
  })

  it('spreads the elements of an array, and says how many would wait', () => {
    const array = spec({ array: [...Array(20).keys()], resources: { cpu: '500m', memory: '10Mi' } })
    const { outcomes } = rehearse(situation(), [{ id: 'all', spec: array }], NOW)
    expect(outcomes).toMatchObject([{ devices: { pi: 2, pc: 16 }, waiting: 2 }])
    expect(outcomes[0]?.explanation).toContain('waits: 2 of 2 devices have too little left')
  })

  it('keeps off hot devices, and tells of elements whose devices no status names', () => {
    const { devices } = situation()
    const load = {
      incarnation: 1,
      nonce: 'n',
      seq: 1,
      highestTerm: { term: 1, agent: 'a' },
      inboxSeq: 0,
      heldDigest: '',
      cpu: 8,
    }
    const hot = devices.map((device) => (device.id === 'pc' ? { ...device, load } : device))
    const progress = { elements: 9, states: { running: 4, pending: 5 }, reported: 0, errors: [] }
    const { outcomes, unseen } = rehearse(
      situation({ devices: hot, statuses: [status('array', { array: progress })] }),
      [{ id: 'a', spec: spec({ resources: { cpu: '2' } }) }],
      NOW,
    )
    expect(outcomes[0]?.reasons).toEqual({ 'are above the high mark': 1, 'are too small': 1 })
    expect(unseen).toBe(4)
  })
})
