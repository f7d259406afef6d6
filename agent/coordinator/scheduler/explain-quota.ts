/** Why work of a tenant waits that may not reserve more: which quota it is, and who uses it. */
import { formatQuantity } from '../../../shared/model/quantity.ts'
import { parseWork } from '../../../shared/protocol/ids.ts'
import type { DeviceRecord } from '../device-record.ts'
import { type Account, type Excess, excessText } from '../tenants.ts'
import type { Explanation } from './explain.ts'

const USERS_SHOWN_MAX = 3

/** Costs one look at everything that is placed. */
export function explainQuota(account: Account, excess: Excess, devices: Iterable<DeviceRecord>): Explanation {
  const { resource } = excess
  const used = new Map<string, number>()
  for (const { placements } of devices) {
    for (const { account: of, phase, task, resources } of placements.values()) {
      if (of !== account || phase === 'done') continue
      const { task: id } = parseWork(task)
      used.set(id, (used.get(id) ?? 0) + (resources[resource] ?? 0))
    }
  }
  const users = [...used].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  const shown = users
    .slice(0, USERS_SHOWN_MAX)
    .map(([id, milli]) => `${id} (${formatQuantity(resource, milli)})`)
  const more = users.length - shown.length
  const by = `; it is used by ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  return { text: `waits: ${excessText(account.tenant, excess)}${users.length === 0 ? '' : by}`, reasons: {} }
}
