/**
 * What six policies were published to allocate of the openb trace's GPUs: means of ten shuffles, from the expected
 * results of the simulator they were published with (experiments/analysis/expected_results/analysis_allo_discrete.csv of
 * github.com/hkust-adsl/kubernetes-scheduler-simulator).
 */
import type { Workload } from './gpu-workload.ts'

export interface Published {
  /** Percent of all GPUs, when pods that ask for 100 percent of them have come. */
  readonly at100: number
  /** The same at 130 percent. */
  readonly at130: number
  /** Standard deviation of the ten at 130 percent. */
  readonly deviation: number
}

/** Best first. */
export const POLICIES = ['FGD', 'BestFit', 'Packing', 'Clustering', 'DotProd', 'Random'] as const
export type Policy = (typeof POLICIES)[number]

export const PUBLISHED: Readonly<Record<Workload, Readonly<Record<Policy, Published>>>> = {
  default: {
    FGD: { at100: 95.23, at130: 95.39, deviation: 0.08 },
    BestFit: { at100: 92.86, at130: 93.08, deviation: 0.13 },
    Packing: { at100: 91.78, at130: 92.0, deviation: 0.54 },
    Clustering: { at100: 91.65, at130: 91.88, deviation: 0.62 },
    DotProd: { at100: 90.62, at130: 90.85, deviation: 0.2 },
    Random: { at100: 86.3, at130: 87.47, deviation: 0.32 },
  },
  gpushare100: {
    FGD: { at100: 86.64, at130: 86.9, deviation: 0.15 },
    BestFit: { at100: 84.62, at130: 85.01, deviation: 0.2 },
    Packing: { at100: 82.13, at130: 82.57, deviation: 0.49 },
    Clustering: { at100: 82.22, at130: 82.65, deviation: 0.48 },
    DotProd: { at100: 81.98, at130: 82.42, deviation: 0.31 },
    Random: { at100: 78.9, at130: 79.44, deviation: 0.13 },
  },
}
