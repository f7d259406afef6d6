/**
 * Explanations: why a task went where it went, or why it still waits. A placement names the best candidates with what
 * their scores are made of. A "no" counts its reasons over the fleet and names the smallest change that would make
 * it a yes.
 */
import { GPU, gpuCountOf, gpuMilliOf } from '../../../shared/model/gpus.ts'
import { formatNeed } from '../../../shared/model/quantity.ts'
import { fits, type Resources, remaining } from '../../../shared/model/resources.ts'
import { BY_DEVICE } from '../../../shared/model/selector.ts'
import type { Now } from '../../../shared/ports.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { Candidate, Ranking } from './ranking.ts'
import { hasRoom, mostFree } from './score.ts'
import { type Shape, TOO_SMALL } from './shape.ts'
import { partsOf } from './weighing.ts'

export interface Explanation {
  readonly text: string
  /** Devices by the reason for which they could not take it. */
  readonly reasons: Record<string, number>
  /** No known device could take it even if it were empty. */
  readonly impossible?: boolean
}

const REASONS_SHOWN_MAX = 4
/** Reasons that a status lists; rarer ones are left out. */
const REASONS_MAX = 16
/** A change that takes more labels and the like is not named. */
export const LACKING_MAX = 5

/** Devices by why they cannot take a shape, and the smallest change that would make one able to. */
export interface Tally {
  readonly counts: ReadonlyMap<string, number>
  readonly total: number
  readonly nearest: Change | undefined
}

/** Counts by the records. Costs one look at every device. */
export function tallyByRecords(shape: Shape, devices: Iterable<DeviceRecord>, now: Now): Tally {
  const counts = new Map<string, number>()
  let total = 0
  let nearest: Change | undefined
  const impossible = shape.eligible.length === 0
  for (const device of devices) {
    total++
    const reason = (impossible ? shape.staticReason(device) : undefined) ?? reasonAgainst(shape, device, now)
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
    if (impossible ? !isOpenFor(shape, device, now) : !TOO_LITTLE.includes(reason)) continue
    const lacking = impossible ? shape.lacking(device) : []
    if (lacking.length > LACKING_MAX) continue
    const change = { device, lacking, share: missingShare(shape.resources, device) }
    if (nearest === undefined || isSmaller(change, nearest)) nearest = change
  }
  return { counts, total, nearest }
}

/** Why no device takes the shape now. */
export function explainWait(shape: Shape, { counts, total, nearest }: Tally): Explanation {
  const impossible = shape.eligible.length === 0
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  const shown = sorted.slice(0, REASONS_SHOWN_MAX).map(([reason, count], index) => {
    if (index > 0) return `${count} ${reason}`
    return `${count} of ${total}${impossible ? '' : ' devices'} ${reason}`
  })
  const why = shown.join('; ')
  let text =
    total === 0 ? 'waits: no device is known' : `waits: ${impossible ? `${IMPOSSIBLE}: ${why}` : why}`
  if (nearest !== undefined) text += `; ${missing(shape.resources, nearest)} would do`
  const reasons = Object.fromEntries(sorted.slice(0, REASONS_MAX))
  return total > 0 && impossible ? { text, reasons, impossible } : { text, reasons }
}

/** It may wait for a device that comes, or that changes. */
const IMPOSSIBLE = 'no device of this mesh can take it even when empty'

/** What a device would have to have, to be chosen. */
export interface Change {
  readonly device: DeviceRecord
  /** Labels and the like that it has not. */
  readonly lacking: readonly string[]
  /** Room that it has not, as a share of what is asked for. */
  readonly share: number
}

function isSmaller(a: Change, b: Change): boolean {
  if (a.lacking.length !== b.lacking.length) return a.lacking.length < b.lacking.length
  return a.share === b.share ? a.device.id < b.device.id : a.share < b.share
}

/** Whether nothing but what the device has keeps the shape from it. */
export function isOpenFor(shape: Shape, device: DeviceRecord, now: Now): boolean {
  const next = shape.waiting.first()?.task
  if (device.closedReason(now.monoMs, now.wallMs) !== undefined) return false
  // Which device it is nobody can change.
  const own = shape.requirements.find(({ key }) => key === BY_DEVICE)
  if (own?.test(device.labels[BY_DEVICE]) === false) return false
  return shape.relations?.against(device) === undefined && !(next !== undefined && device.isKeptFrom(next))
}

export const FULL = 'have too little left'
/** In all there is enough. */
const BROKEN = 'have too little left on any one gpu'
const TOO_FEW = 'have too few gpus that are free as a whole'
/** Reasons that more of some resource would take away. */
const TOO_LITTLE = [FULL, BROKEN, TOO_FEW, TOO_SMALL]

export function reasonAgainst(shape: Shape, device: DeviceRecord, now: Now): string {
  const closed = device.closedReason(now.monoMs, now.wallMs)
  if (closed !== undefined) return areClosed(closed)
  const fixed = shape.staticReason(device)
  // With more room it would still have to be the right place.
  const reason =
    fixed === undefined || fixed === TOO_SMALL ? (shape.relations?.against(device) ?? fixed) : fixed
  if (reason !== undefined) return reason
  if (!hasRoom(device, shape.resources)) return lackOf(shape.resources, device)
  const next = shape.waiting.first()?.task
  return next !== undefined && device.isKeptFrom(next) ? 'are kept for other work' : 'have room now'
}

/** Of several devices that are closed for that reason. */
export function areClosed(reason: string): string {
  return reason === 'has not reported yet' ? 'have not reported yet' : `are ${reason}`
}

/** What stands against the device that what is left would have to be more, or together on one GPU. */
function lackOf(need: Resources, device: DeviceRecord): string {
  if (!fits(need, remaining(device.capacity, device.reserved))) return FULL
  return gpuCountOf(gpuMilliOf(need)) > 1 ? TOO_FEW : BROKEN
}

/** What the device lacks, as a share of what is asked for: of all resources together. */
function missingShare(need: Resources, device: DeviceRecord): number {
  const left = remaining(device.capacity, device.reserved)
  let share = 0
  for (const name in need) {
    const lacks = name === GPU ? 0 : (need[name] as number) - (left[name] ?? 0)
    if (lacks > 0) share += lacks / (need[name] as number)
  }
  const gpus = device.gpus.shortage(gpuMilliOf(need))
  return gpus === undefined ? share : share + gpus.milli / gpuMilliOf(need)
}

/**
 * Like "arch=arm64 and 14Mi more memory on pi-1", or "100m more gpu on one gpu of pi-1": with that it would fit.
 */
function missing(need: Resources, { device, lacking }: Change): string {
  const left = remaining(device.capacity, device.reserved)
  const gpus = device.gpus.shortage(gpuMilliOf(need))
  const more = [...lacking]
  for (const name in need) {
    const lacks =
      name === GPU ? (gpus?.on === 0 ? gpus.milli : 0) : (need[name] as number) - (left[name] ?? 0)
    if (lacks > 0) more.push(`${formatNeed(name, lacks)} more ${name}`)
  }
  const changes = more.length === 0 ? [] : [`${more.join(' and ')} on ${device.id}`]
  if (gpus !== undefined && gpus.on > 0) {
    const where = gpus.on === 1 ? 'one gpu' : `${gpus.on} gpus`
    changes.push(`${formatNeed(GPU, gpus.milli)} more gpu on ${where} of ${device.id}`)
  }
  return changes.join(' and ')
}

/**
 * Why the device was chosen: it is the best of those looked at.
 *
 * @param scores what `explainScores` said before any task of the run was placed
 * @param before tasks of the run that were placed before
 */
export function explainPlacement(
  shape: Shape,
  ranking: Ranking,
  gpus: readonly number[],
  scores: string,
  before: number,
): string {
  const { device, own } = ranking.best[0] as Candidate
  const known = before === 0 && ranking.bids === undefined && shape.strategy.score === mostFree
  const left = percent(Math.max(0, known ? own : mostFree(device, shape.resources)))
  const on = gpus.length === 0 ? '' : ` with gpu ${gpus.join(', ')}`
  if (ranking.bids !== undefined)
    return `placed on ${device.id}${on}: ${scores}; ${left} of its scarcest resource is left`
  const unsold = ranking.unsold === '' ? '' : `${ranking.unsold}; `
  const choice = choiceOf(shape, ranking.looked)
  return `placed on ${device.id}${on}: ${unsold}${choice}${left} of its scarcest resource is left${scores}`
}

/** What the device is, of how many: the same for most tasks of a shape, so what was said last is kept. */
function choiceOf(shape: Shape, looked: number): string {
  const { choice, strategy } = shape
  const able = shape.eligible.length
  if (choice.looked === looked && choice.able === able && choice.strategy === strategy) return choice.text
  const what = shape.composed ? 'best score' : strategy.superlative
  const text = `${what} of ${looked} with room looked at, ${able} could take it; `
  shape.choice = { looked, able, strategy, text }
  return text
}

/** The scores of the best candidates, and what they are made of where that is more than the strategy's own. */
export function explainScores(shape: Shape, { best, bids }: Ranking): string {
  if (bids !== undefined) return explainBids(best, bids)
  const { composed } = shape
  if (best.length === 1 && !composed) return ''
  let text = '; scores: '
  for (let i = 0; i < best.length; i++) {
    const { device, score, own } = best[i] as Candidate
    if (i > 0) text += ', '
    text += device.id
    text += ' '
    text += composed ? `${percent(score)} (${composition(shape, device, own, i === 0)})` : percent(score)
  }
  return text
}

/** What the best bids are worth as things stand, like "won with 72 % against pi-9 61 % (12 bids)". */
function explainBids([first, ...others]: readonly Candidate[], bids: number): string {
  const against = others.map(({ device, score }) => `${device.id} ${percent(score)}`).join(', ')
  const count = bids === 1 ? '1 bid' : `${bids} bids`
  return `won with ${percent(first?.score ?? 0)}${against === '' ? '' : ` against ${against}`} (${count})`
}

/** @param whole with what is behind the parts */
function composition(shape: Shape, device: DeviceRecord, own: number, whole: boolean): string {
  return partsOf(shape, device, own)
    .map(({ name, score, detail }) => {
      return `${name} ${percent(score)}${whole && detail !== undefined ? ` (${detail})` : ''}`
    })
    .join(', ')
}

/** Like "60 %", for every whole percent of a share. */
const PERCENT: readonly string[] = Array.from({ length: 101 }, (_, percent) => `${percent} %`)

function percent(share: number): string {
  const rounded = Math.round(share * 100)
  return PERCENT[rounded] ?? `${rounded} %`
}
