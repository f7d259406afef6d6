/**
 * Which samples to draw when there are more than can be seen. Time is cut into equal stretches; of each the first,
 * the least, the greatest and the last sample stay, so that no peak, dip or trend is lost at the width of the chart
 * (Jugel, Jerzak, Hackenbroich and Markl, "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014).
 * A gap in a stretch stays as one sample of `null`.
 */

export interface Point {
  readonly atMs: number
  readonly value: number | null
}

/** First, least, greatest, last, and a gap. */
const KEPT_PER_STRETCH_MAX = 5

/** At most `pointsMax` (10 or more) of the samples, in their order. Times ascend and are in milliseconds. */
export function downsample(
  atMs: readonly number[],
  values: readonly (number | null)[],
  pointsMax: number,
): Point[] {
  const point = (n: number): Point => ({ atMs: atMs[n] as number, value: values[n] ?? null })
  if (atMs.length <= pointsMax) return atMs.map((_, n) => point(n))
  const stretches = Math.floor(pointsMax / KEPT_PER_STRETCH_MAX)
  const startMs = atMs[0] as number
  const stretchMs = ((atMs.at(-1) as number) - startMs) / stretches
  const stretchOf = (n: number): number =>
    stretchMs === 0 ? 0 : Math.min(stretches - 1, Math.floor(((atMs[n] as number) - startMs) / stretchMs))
  const kept: Point[] = []
  for (let from = 0; from < atMs.length; ) {
    let to = from + 1
    while (to < atMs.length && stretchOf(to) === stretchOf(from)) to++
    for (const n of keptOf(values, from, to)) kept.push(point(n))
    from = to
  }
  return kept
}

/** Indices of one stretch, ascending. */
function keptOf(values: readonly (number | null)[], from: number, to: number): number[] {
  const kept = new Set<number>()
  let [first, last, least, greatest, gap] = [-1, -1, -1, -1, -1]
  for (let n = from; n < to; n++) {
    const value = values[n] ?? null
    if (value === null) {
      if (gap === -1) gap = n
      continue
    }
    if (first === -1) first = n
    last = n
    if (least === -1 || value < (values[least] as number)) least = n
    if (greatest === -1 || value > (values[greatest] as number)) greatest = n
  }
  for (const n of [first, least, greatest, last, gap]) if (n !== -1) kept.add(n)
  return [...kept].sort((a, b) => a - b)
}
