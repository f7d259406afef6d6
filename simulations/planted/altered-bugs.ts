/** Bugs around an honest core: what it says is changed, doubled or lost. */
import type { AgentEffect } from '../../shared/ports.ts'
import { altered, published, withBody, withMessage } from './altered.ts'
import type { Bug } from './bug.ts'

/** More than any step of a core has a reason for. */
const FLOOD: readonly AgentEffect[] = Array.from({ length: 2_000 }, () => ({
  do: 'log',
  level: 'debug',
  message: 'again',
}))

export const ALTERED_BUGS: readonly Bug[] = [
  {
    what: 'says that a task failed after it has said that it succeeded',
    breaks: 'I2',
    planted: {
      core: altered(() => ({
        effect: (effect) => {
          const status = published(effect, 'status')
          if (status?.state !== 'succeeded') return [effect]
          return [effect, withBody(effect, 'status', { ...status, state: 'failed' })]
        },
      })),
    },
  },
  {
    what: 'forgets to say that a task has succeeded',
    breaks: 'I2',
    planted: {
      core: altered(() => ({
        effect: (effect) => (published(effect, 'status')?.state === 'succeeded' ? [] : [effect]),
      })),
    },
  },
  {
    what: 'never hears that it has the seat',
    breaks: 'I6',
    planted: {
      core: altered(() => ({
        input: (input) => (input.in === 'link-up' && input.link === 'seat' ? undefined : input),
      })),
    },
  },
  {
    what: 'says success of what failed',
    breaks: 'I7',
    planted: {
      core: altered(() => ({
        effect: (effect) => {
          const status = published(effect, 'status')
          if (status?.state !== 'failed' || status.attempt === undefined) return [effect]
          return [withBody(effect, 'status', { ...status, state: 'succeeded' })]
        },
      })),
    },
  },
  {
    what: 'says failure of what succeeded',
    breaks: 'I7',
    planted: {
      core: altered(() => ({
        effect: (effect) => {
          const status = published(effect, 'status')
          if (status?.state !== 'succeeded') return [effect]
          return [withBody(effect, 'status', { ...status, state: 'failed' })]
        },
      })),
    },
  },
  {
    what: 'starts a timer at every step and stops none',
    breaks: 'I9',
    planted: {
      core: altered(() => ({
        more: (_, step) => [{ do: 'timer', name: `leak/${step}`, delayMs: 10_000_000 }],
      })),
    },
  },
  {
    what: 'says everything two thousand times',
    breaks: 'I9',
    planted: {
      core: altered(() => ({ more: (input) => (input.in === 'journaled' ? FLOOD : []) })),
    },
  },
  {
    what: 'subscribes to something new at every heartbeat and never lets go',
    breaks: 'I9',
    planted: {
      core: altered(() => ({
        more: (input, step) => {
          if (input.in !== 'measured') return []
          const to = [{ topic: `covey/v1/sim/tasks/t${step}/log`, qos: 0 as const }]
          return [{ do: 'subscribe', link: 'device', to, token: 0 }]
        },
      })),
    },
  },
  {
    what: 'leaves a retained status for every state that a task has been in',
    breaks: 'I9',
    planted: {
      core: altered(() => ({
        effect: (effect) => {
          const status = published(effect, 'status')
          if (status === undefined || effect.do !== 'publish') return [effect]
          const task = `${status.task}-${status.attempts}-${status.state}`
          const topic = effect.message.topic.replace(`/${status.task}/`, `/${task}/`)
          return [effect, withMessage(withBody(effect, 'status', { ...status, task }), { topic })]
        },
      })),
    },
  },
  {
    what: 'throws when a task ends',
    breaks: 'wire',
    planted: {
      core: altered(() => ({
        input: (input) => {
          if (input.in === 'ended') throw new Error('a bug')
          return input
        },
      })),
    },
  },
  {
    what: 'says what does not match its schema',
    breaks: 'wire',
    planted: {
      core: altered(() => ({
        effect: (effect) => {
          const load = published(effect, 'load')
          return [load === undefined ? effect : withBody(effect, 'load', { ...load, seq: -1 })]
        },
      })),
    },
  },
  {
    what: 'lets the broker retain its reports',
    breaks: 'wire',
    planted: {
      core: altered(() => ({
        effect: (effect) => [
          published(effect, 'report') === undefined ? effect : withMessage(effect, { retain: true }),
        ],
      })),
    },
  },
  {
    what: 'says as a device what only the seat may say',
    breaks: 'wire',
    planted: {
      core: altered(() => ({
        effect: (effect) => [
          effect.do === 'publish' && effect.message.route === 'events'
            ? { ...effect, link: 'device' }
            : effect,
        ],
      })),
    },
  },
  {
    what: 'lets one device speak in the name of another',
    breaks: 'wire',
    planted: {
      core: altered(() => ({
        effect: (effect, device) => {
          if (published(effect, 'load') === undefined || effect.do !== 'publish') return [effect]
          const topic = effect.message.topic.replace(`/${device}/`, '/d0/')
          return [withMessage(effect, { topic })]
        },
      })),
    },
  },
]
