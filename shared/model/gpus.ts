/**
 * GPUs of one device. Each is whole by itself: what is left of four of them is not one. The resource `gpu` asks for a
 * share of one, or for whole ones; what is reserved is counted by GPU, numbered from 0.
 */
import { emptyVector, parseResources, type Resources } from './resources.ts'

export const GPU = 'gpu'
/** A whole GPU, in thousandths. */
export const GPU_MILLI = 1_000
/** GPUs of one device; what it says to have beyond them is not used. */
export const GPUS_MAX = 64

/** Thousandths of GPUs that are asked for: of one, or of several that are each taken whole. */
export const gpuMilliOf = (need: Resources): number => need[GPU] ?? 0

/** How many GPUs it takes to have as much. */
export const gpuCountOf = (milli: number): number => Math.ceil(milli / GPU_MILLI)

/** How much is taken of each of them, in thousandths. */
export const gpuShareOf = (milli: number): number => Math.min(milli, GPU_MILLI)

/** True for a share of one GPU, and for whole ones. */
export const isGpuDemand = (milli: number): boolean => milli <= GPU_MILLI || milli % GPU_MILLI === 0

/** True for what a device may offer: whole GPUs, and no more than are used. */
export const isGpuCapacity = (milli: number): boolean =>
  milli % GPU_MILLI === 0 && milli <= GPUS_MAX * GPU_MILLI

/** Reads what a device offers: of its GPUs only whole ones. */
export function parseCapacity(written: Readonly<Record<string, string | number>>): Resources {
  const capacity = parseResources(written)
  const milli = gpuMilliOf(capacity)
  const whole = Math.min(GPUS_MAX, Math.floor(milli / GPU_MILLI)) * GPU_MILLI
  return whole === milli ? capacity : Object.assign(emptyVector(), capacity, { [GPU]: whole })
}

/** What would have to change so that a demand fits. */
export interface GpuShortage {
  /** So many GPUs would have to have more left; 0 when whole ones would have to be added. */
  readonly on: number
  /** How much more, on all of them together, in thousandths. */
  readonly milli: number
}

export class Gpus {
  /** By GPU, in thousandths. There may be some of GPUs that the device does not have any more. */
  readonly #reserved: number[] = []
  #size = 0

  constructor(capacity: Resources) {
    this.resize(capacity)
  }

  /** The device has others than before; what is reserved stands. */
  resize(capacity: Resources): void {
    this.#size = Math.floor(gpuMilliOf(capacity) / GPU_MILLI)
  }

  /** How many there are. */
  get size(): number {
    return this.#size
  }

  /** What is left of one, in thousandths; below zero where more is reserved than there is. */
  left(gpu: number): number {
    return gpu < this.#size ? GPU_MILLI - (this.#reserved[gpu] ?? 0) : 0
  }

  /** What is left of each, in thousandths. */
  lefts(): number[] {
    return Array.from({ length: this.#size }, (_, gpu) => this.left(gpu))
  }

  /** True when as many GPUs have as much left. */
  fits(milli: number): boolean {
    if (milli === 0) return true
    const share = gpuShareOf(milli)
    let open = gpuCountOf(milli)
    for (let gpu = 0; gpu < this.#size && open > 0; gpu++) if (this.left(gpu) >= share) open--
    return open === 0
  }

  /** How many times as much could be given out. */
  times(milli: number): number {
    if (milli === 0) return Number.POSITIVE_INFINITY
    const share = gpuShareOf(milli)
    const shares = this.lefts().reduce((sum, left) => sum + Math.max(0, Math.floor(left / share)), 0)
    return Math.floor(shares / gpuCountOf(milli))
  }

  /** Best fit: those that have least left and still enough, the lowest first among equals; `undefined` without room. */
  choose(milli: number): number[] | undefined {
    if (milli === 0) return []
    const share = gpuShareOf(milli)
    const able: number[] = []
    for (let gpu = 0; gpu < this.#size; gpu++) if (this.left(gpu) >= share) able.push(gpu)
    const count = gpuCountOf(milli)
    if (able.length < count) return undefined
    return able
      .sort((a, b) => this.left(a) - this.left(b) || a - b)
      .slice(0, count)
      .sort((a, b) => a - b)
  }

  /** Where something may be that nobody has told the GPUs of: where there is room, else where most is left. */
  presume(milli: number): number[] {
    const chosen = this.choose(milli)
    if (chosen !== undefined) return chosen
    const all = Array.from({ length: this.#size }, (_, gpu) => gpu)
    return all.sort((a, b) => this.left(b) - this.left(a) || a - b).slice(0, gpuCountOf(milli))
  }

  /** Reserves (1) or gives back (-1) what is asked for, on these. */
  count(gpus: readonly number[], milli: number, sign: 1 | -1): void {
    const share = gpuShareOf(milli)
    for (const gpu of gpus) this.#reserved[gpu] = (this.#reserved[gpu] ?? 0) + sign * share
  }

  /** Why these cannot be given to what asks for so much, or `undefined` when they can. */
  refusal(gpus: readonly number[], milli: number): string | undefined {
    const share = gpuShareOf(milli)
    const count = gpuCountOf(milli)
    if (new Set(gpus).size !== count || gpus.length !== count) {
      return `it takes ${count} of the GPUs, and was given ${gpus.length === 0 ? 'none' : gpus.join(', ')}`
    }
    for (const gpu of gpus) {
      if (gpu >= this.#size) return `there is no gpu ${gpu}: the device has ${this.#size}`
      const left = this.left(gpu)
      if (left < share) return `gpu ${gpu} has ${left}m left, and it takes ${share}m`
    }
    return undefined
  }

  /** The least that would make room; `undefined` when there is room. */
  shortage(milli: number): GpuShortage | undefined {
    if (this.fits(milli)) return undefined
    const share = gpuShareOf(milli)
    const count = gpuCountOf(milli)
    const most = this.lefts().sort((a, b) => b - a)
    if (most.length < count) {
      return { on: 0, milli: (count - most.filter((left) => left >= share).length) * GPU_MILLI }
    }
    const short = most.slice(0, count).filter((left) => left < share)
    return { on: short.length, milli: short.reduce((sum, left) => sum + share - left, 0) }
  }

  /** The same counts, to try something on. */
  copy(): Gpus {
    const copy = new Gpus({ [GPU]: this.#size * GPU_MILLI })
    this.#reserved.forEach((milli, gpu) => {
      copy.#reserved[gpu] = milli
    })
    return copy
  }
}
