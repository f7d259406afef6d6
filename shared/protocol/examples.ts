/**
 * One valid message of every topic, from the life of one task. The documentation shows them, and a test holds each
 * against the codec.
 */
import type { Attempt } from './attempt.ts'
import { attemptKey } from './attempt.ts'
import { contentDigest, setDigest } from './digest.ts'
import type { Messages, TaskSpec, Withdraw } from './schemas/index.ts'
import type { Route } from './topics.ts'

export const EXAMPLE_MESH = 'home'
export const EXAMPLE_DEVICE = 'pi-7'
export const EXAMPLE_TASK = 'backup-2030-01-31'

const attempt: Attempt = { term: 12, agent: 'nuc-1', n: 4711 }
const nonce = 'k3v9x0q2m8t4'
const deviceNonce = 'b7d1w5z0c6n3'

const spec: TaskSpec = {
  run: { exec: ['tar', '-czf', '/backup/photos.tgz', '/photos'], env: { LANG: 'C.UTF-8' } },
  resources: { cpu: '500m', memory: '64Mi' },
  where: { arch: ['arm64', 'x64'], disk: 'ssd', 'free-gb': '>= 30' },
  prefer: [{ where: { room: 'attic' }, weight: 80 }],
  priority: 60,
  timeout: '10m',
  retries: { failed: 1, lost: 5 },
  ttl: '24h',
}

const arraySpec: TaskSpec = { run: { exec: ['thumbnail'] }, array: ['a.jpg', 'b.jpg', 'c.jpg'] }

export const WITHDRAW_EXAMPLE: Withdraw = { withdraw: true }

export const EXAMPLES: { readonly [R in Route]: Messages[R] } = {
  beacon: {
    term: attempt.term,
    agent: attempt.agent,
    nonce,
    intervalMs: 1000,
    heartbeatMs: 1000,
    candidates: ['nuc-1', 'pi-7', 'pi-8'],
  },
  death: { agent: attempt.agent, nonce },
  marker: { nonce },
  offer: { agent: 'pi-8' },
  auction: {
    term: attempt.term,
    agent: attempt.agent,
    round: 31,
    lots: [
      { resources: { cpu: '500m', memory: 67_108_864 }, executor: 'exec', where: { disk: 'ssd' }, count: 3 },
      { resources: { cpu: 1, memory: 33_554_432 }, executor: 'function', function: 'shrink', count: 40 },
    ],
  },
  state: {
    incarnation: 8,
    nonce: deviceNonce,
    online: true,
    labels: { arch: 'arm64', disk: 'ssd', 'free-gb': '120' },
    capacity: { cpu: '4', memory: '3Gi' },
    executors: ['exec'],
    candidate: 'auto',
    version: '0.1.0',
  },
  load: {
    incarnation: 8,
    nonce: deviceNonce,
    seq: 3021,
    highestTerm: { term: attempt.term, agent: attempt.agent },
    inboxSeq: 57,
    heldDigest: setDigest([attemptKey(attempt)]),
    cpu: 1.25,
    memoryUsed: 812_646_400,
    memoryTotal: 4_110_417_920,
    diskFree: 128_849_018_880,
    uptime: 86_400,
    temperature: 51.5,
  },
  report: {
    incarnation: 8,
    nonce: deviceNonce,
    highestTerm: { term: attempt.term, agent: attempt.agent },
    inboxSeq: 57,
    full: { id: 3, part: 0, last: true },
    held: [
      {
        attempt,
        task: EXAMPLE_TASK,
        phase: 'running',
        started: '2030-01-31T12:00:01.250Z',
        checkpoint: { attempt, seq: 12, value: '1201 of 1802' },
      },
    ],
    rejected: [],
    results: [
      {
        attempt: { ...attempt, n: 4698 },
        task: 'photos-index',
        outcome: 'succeeded',
        result: { exitCode: 0, stdout: '1802 photos\n' },
        started: '2030-01-31T11:58:40.100Z',
        ended: '2030-01-31T11:58:41.300Z',
        durationMs: 1200,
      },
    ],
  },
  inbox: {
    term: attempt.term,
    agent: attempt.agent,
    seq: 58,
    assign: [
      {
        attempt,
        task: EXAMPLE_TASK,
        spec,
        checkpoint: { attempt: { ...attempt, n: 4702 }, seq: 6, value: '640 of 1802' },
      },
    ],
    batches: [
      {
        task: 'thumbnails',
        spec: { run: arraySpec.run, timeout: '1h' },
        outputBytes: 65_536,
        elements: [
          { n: 4712, element: 0, input: 'a.jpg' },
          { n: 4713, element: 1, input: 'b.jpg' },
        ],
      },
    ],
    revoke: [],
    ack: [{ ...attempt, n: 4698 }],
  },
  bid: {
    incarnation: 8,
    term: attempt.term,
    agent: attempt.agent,
    round: 31,
    inboxSeq: 57,
    bids: [{ lot: 0, price: 0.6125, count: 3 }],
  },
  desired: {
    cordon: true,
    hold: { by: 'ada', reason: 'new disk', until: '2030-02-01T08:00:00Z' },
  },
  spec,
  status: {
    task: EXAMPLE_TASK,
    state: 'succeeded',
    digest: contentDigest(spec),
    term: attempt.term,
    agent: attempt.agent,
    attempt,
    device: EXAMPLE_DEVICE,
    attempts: 1,
    failed: 0,
    lost: 0,
    result: { exitCode: 0, stdout: '', stderr: '', durationMs: 93_410 },
    explanation: 'ended with exit code 0 on pi-7',
    times: {
      seen: '2030-01-31T12:00:01.020Z',
      assigned: '2030-01-31T12:00:01.110Z',
      started: '2030-01-31T12:00:01.250Z',
      ended: '2030-01-31T12:01:34.660Z',
    },
  },
  results: {
    task: 'thumbnails',
    digest: contentDigest(arraySpec),
    term: attempt.term,
    agent: attempt.agent,
    page: 0,
    results: [
      {
        element: 0,
        state: 'succeeded',
        attempt: { ...attempt, n: 4699 },
        device: EXAMPLE_DEVICE,
        attempts: 1,
        result: { exitCode: 0, stdout: '', stderr: '', durationMs: 180.5 },
      },
      {
        element: 2,
        state: 'failed',
        attempt: { ...attempt, n: 4701 },
        device: 'pi-8',
        attempts: 1,
        result: { exitCode: 1, stdout: '', stderr: 'c.jpg: not a JPEG file\n', durationMs: 12.25 },
        error: { code: 'E_EXIT', message: 'it ended with exit code 1' },
      },
    ],
  },
  log: { attempt, stream: 'stderr', seq: 0, text: 'tar: Removing leading `/` from member names\n' },
  config: {
    pendingTasksMax: 50_000,
    lostGrace: '2s',
    defaultTimeout: '30m',
    links: [{ between: ['cellar', 'roof'], latency: '20ms', bandwidth: '100M' }],
  },
  events: {
    at: '2030-01-31T12:00:01.110Z',
    term: attempt.term,
    agent: attempt.agent,
    kind: 'placed',
    task: EXAMPLE_TASK,
    device: EXAMPLE_DEVICE,
    message: '3 of 5 devices could take it; pi-7 has the most room',
  },
}
