/** Bugs in the source of the cores about tenants. There is more work than their quotas let run. */
import { type Bug, CROWDED } from './bug.ts'

const one = (file: string, find: string, put = ''): Bug['planted'] => ({ patches: [{ file, find, put }] })
const BOUND = { ...CROWDED, faults: 8, tenants: 1, runMsMean: 6_000 }
const TENANTS = 'coordinator/tenants.ts'

export const TENANT_BUGS: readonly Bug[] = [
  {
    what: 'does not count what a tenant has reserved already',
    breaks: 'tenants',
    planted: one(TENANTS, 'if (milli > 0 && used + milli > bound)', 'if (milli > 0 && milli > bound)'),
    with: BOUND,
  },
  {
    what: 'forgets whose it is that it places',
    breaks: 'tenants',
    planted: one('coordinator/placing.ts', '      account: tenants.account(tenant),\n'),
    with: BOUND,
  },
  {
    what: 'gives a tenant back what is being ended before it is gone',
    breaks: 'tenants',
    planted: one(
      'coordinator/lifecycle.ts',
      "    placement.phase = 'revoking'\n",
      "    if (placement.account !== undefined) for (const name in placement.resources) placement.account.reserved[name] = 0\n    placement.phase = 'revoking'\n",
    ),
    with: { ...BOUND, rushes: 1 },
  },
  {
    what: 'refuses a tenant’s tasks one too early',
    breaks: 'tenants',
    planted: one(TENANTS, 'if (tasks >= tasksMax)', 'if (tasks >= tasksMax - 1)'),
    with: BOUND,
  },
  {
    what: 'never takes an ended task off its tenant’s count',
    breaks: 'tenants',
    planted: one(TENANTS, 'if (task.account !== undefined) task.account.tasks--'),
    with: BOUND,
  },
  {
    what: 'comes into office without the settings that there are',
    breaks: 'tenants',
    planted: one('coordinator/mirror.ts', "      { topic: topics.of('config'), qos: 0 },\n"),
    with: BOUND,
  },
  {
    what: 'looks for no room again when a quota has some',
    breaks: 'I6',
    planted: one(
      'coordinator/scheduler/scheduler.ts',
      '      shape.overQuota = shape.blocked = false\n',
      '      shape.overQuota = false\n',
    ),
    with: BOUND,
  },
]
