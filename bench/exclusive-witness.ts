/**
 * What attempts of an exclusive task leave in a file: a line at the start, one at every beat, one at the end, each
 * with the machine's clock. Two attempts whose lines cross were at work together.
 */
import { existsSync, readFileSync } from 'node:fs'
import type { TaskSpec } from '../shared/protocol/schemas/index.ts'

const BEATS = 60
const BEAT_SECONDS = 0.05

/** A task that works for some seconds and writes its life into `file`. */
export function witness(file: string): TaskSpec {
  const line = (what: string) => `echo "$COVEY_ATTEMPT ${what} $(date +%s%N)" >> "${file}"`
  const script = [
    line('begin'),
    `n=0; while [ $n -lt ${BEATS} ]; do sleep ${BEAT_SECONDS}; ${line('beat')}; n=$((n+1)); done`,
    line('end'),
  ].join('\n')
  return {
    run: { exec: ['sh', '-c', script] },
    exclusive: true,
    resources: { cpu: '100m', memory: '16Mi' },
    timeout: '5m',
    grace: '100ms',
    retries: { failed: 0, lost: 100 },
  }
}

export interface Testimony {
  readonly attempts: number
  /** The longest that two attempts were at work together, in milliseconds. */
  readonly togetherMs: number
  readonly ended: number
}

export function testimony(file: string): Testimony {
  const lives = new Map<string, { firstMs: number; lastMs: number; ended: boolean }>()
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  for (const line of text.split('\n')) {
    const [attempt, what, at] = line.split(' ')
    if (attempt === undefined || at === undefined) continue
    const ms = Number(at) / 1e6
    const life = lives.get(attempt) ?? { firstMs: ms, lastMs: ms, ended: false }
    lives.set(attempt, { ...life, lastMs: ms, ended: life.ended || what === 'end' })
  }
  const all = [...lives.values()].sort((a, b) => a.firstMs - b.firstMs)
  let togetherMs = 0
  let lastMs = Number.NEGATIVE_INFINITY
  for (const life of all) {
    togetherMs = Math.max(togetherMs, Math.min(lastMs, life.lastMs) - life.firstMs)
    lastMs = Math.max(lastMs, life.lastMs)
  }
  return { attempts: all.length, togetherMs, ended: all.filter(({ ended }) => ended).length }
}
