/** What figures were measured on: without it they say nothing. */
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

export interface Machine {
  readonly covey: string
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
}

/** This machine, and the versions of what runs on it. */
export function machine(): Machine {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  return {
    covey: version,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
  }
}

/** A line for people. */
export function describeMachine(head: Machine & { readonly bench: string; readonly seed: string }): string {
  const { bench, seed, covey, node, cpu, cores, memoryGb } = head
  return `${bench}, seed ${seed}, covey ${covey}, node ${node}\n${cores} x ${cpu}, ${memoryGb} GiB`
}
