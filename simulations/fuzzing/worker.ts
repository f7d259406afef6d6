/** A worker process of the fuzzer: runs every n-th case of a seed until its time is over, and tells of each. */
import { setImmediate } from 'node:timers/promises'
import { type CaseResult, type CaseShape, runCase } from './case.ts'

export interface Job {
  readonly seed: string
  readonly shape: CaseShape
  /** It runs the cases `first`, `first + step`, … */
  readonly first: number
  readonly step: number
  readonly runMs: number
  /** Of all workers together. */
  readonly casesMax: number
}

async function work({ seed, shape, first, step, runMs, casesMax }: Job): Promise<void> {
  const endMs = performance.now() + runMs
  for (let n = first; n < casesMax && performance.now() < endMs; n += step) {
    const result: CaseResult = runCase(`${seed}-${n}`, shape)
    process.send?.(result)
    // Lets the message out, and a lost parent be noticed.
    await setImmediate()
    if (!process.connected) return
  }
  process.disconnect()
}

process.once('message', (job) => {
  void work(job as Job)
})
