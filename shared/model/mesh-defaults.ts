/** What a mesh goes by where its settings say nothing, in the form in which settings are written. */
import type { MeshConfig } from '../protocol/schemas/mesh.ts'
import { formatDuration } from './duration.ts'
import { DEFAULT_HIGH_MARK, DEFAULT_MOVE_AFTER_MS, DEFAULT_MOVE_COOLDOWN_MS, marksOf } from './marks.ts'
import { DEFAULT_LINK, DEFAULT_SITE_LABEL } from './network.ts'
import { formatQuantity } from './quantity.ts'
import { DEFAULT_PREDECESSOR_WAIT_MS, DEFAULT_TIMEOUT_MS } from './task.ts'

/** Waiting tasks; each is two retained messages on the broker. */
const PENDING_TASKS_MAX = 100_000

const DEFAULTS = {
  strategy: 'greedy',
  objective: 'peak',
  siteLabel: DEFAULT_SITE_LABEL,
  links: [],
  defaultLink: {
    latency: formatDuration(DEFAULT_LINK.latencyMs),
    bandwidth: formatQuantity('network', DEFAULT_LINK.bandwidth * 1_000),
  },
  preemption: 'on',
  tenants: {},
  pendingTasksMax: PENDING_TASKS_MAX,
  lostGrace: '1s',
  defaultTimeout: formatDuration(DEFAULT_TIMEOUT_MS),
  highMark: DEFAULT_HIGH_MARK,
  moveAfter: formatDuration(DEFAULT_MOVE_AFTER_MS),
  moveCooldown: formatDuration(DEFAULT_MOVE_COOLDOWN_MS),
  predecessorWait: formatDuration(DEFAULT_PREDECESSOR_WAIT_MS),
} as const satisfies MeshConfig

/** Settings of which none but `improve`, which is off then, is left open. */
export type WholeConfig = Required<Omit<MeshConfig, 'improve'>> & Pick<MeshConfig, 'improve'>

/** The settings with defaults filled in. */
export function withDefaults(config: MeshConfig | undefined): WholeConfig {
  return { ...DEFAULTS, links: [], lowMark: marksOf(config).low, ...config }
}
