/**
 * What a second of each device is worth. If every task went where its seconds cost least, the sum of that would be a time
 * in which no schedule has all work done, because a schedule's time is the mean of its devices', and prices are
 * weights of a mean. The prices of the greatest such sum are those at which devices are worth their work: the dual of
 * sharing work out over unlike machines. They are found by raising what is asked for too much (multiplicative weights,
 * after Plotkin, Shmoys and Tardos 1995).
 */
import type { Graph } from './graph.ts'

const ROUNDS = 200
/** By how much a price rises at first, where most is asked for. */
const STEP = 0.5

/** By device; they sum up to 1. */
export function pricesOf(graph: Graph): Float64Array {
  const { n, m, run } = graph
  let prices = normal(Float64Array.from(graph.problem.devices, ({ speed }) => speed))
  let best = prices
  let most = Number.NEGATIVE_INFINITY
  for (let round = 1; round <= ROUNDS; round++) {
    const load = new Float64Array(m)
    let sum = 0
    for (let i = 0; i < n; i++) {
      let [least, device] = [Number.POSITIVE_INFINITY, 0]
      for (let j = 0; j < m; j++) {
        const cost = prices[j]! * run[i * m + j]!
        if (cost < least) [least, device] = [cost, j]
      }
      sum += least
      load[device]! += run[i * m + device]!
    }
    if (sum > most) [most, best] = [sum, prices]
    const heaviest = Math.max(...load)
    if (heaviest === 0) break
    const step = STEP / Math.sqrt(round)
    prices = normal(prices.map((price, j) => price * Math.exp((step * load[j]!) / heaviest)))
  }
  return best
}

function normal(prices: Float64Array): Float64Array {
  const sum = prices.reduce((total, each) => total + each, 0)
  return prices.map((price) => price / sum)
}

/** By task: its seconds where they cost least. */
export function priced({ n, m, run }: Graph, prices: Float64Array): Float64Array {
  const work = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    let least = Number.POSITIVE_INFINITY
    for (let j = 0; j < m; j++) least = Math.min(least, prices[j]! * run[i * m + j]!)
    work[i] = least
  }
  return work
}
