/** Bugs in the source of the cores about tasks that are to be near others, or apart. */
import { type Bug, CROWDED } from './bug.ts'

const one = (file: string, find: string, put = ''): Bug['planted'] => ({ patches: [{ file, find, put }] })
const RELATED = { ...CROWDED, faults: 8, wishShare: 1, runMsMean: 6_000 }
const RELATIONS = 'coordinator/scheduler/relations.ts'

export const RELATION_BUGS: readonly Bug[] = [
  {
    what: 'places a task beside one that it is to be apart from',
    breaks: 'relations',
    planted: one(RELATIONS, 'near(device, by) ?? 0) > 0)', 'near(device, by) ?? 0) > 1)'),
    with: RELATED,
  },
  {
    what: 'does not keep others away from a task that is to be apart from them',
    breaks: 'relations',
    planted: one(
      'coordinator/kinship.ts',
      'if (crowd.near(device, by) > 0) return by',
      'if (crowd.near(device, by) > 9) return by',
    ),
    with: RELATED,
  },
  {
    what: 'counts for apart only what runs, and not what is being ended',
    breaks: 'relations',
    planted: one(
      'coordinator/lifecycle.ts',
      "    placement.phase = 'revoking'\n",
      "    if (placement.kin !== undefined && placement.phase === 'held') device.kinship?.count(device, placement.kin, -1)\n    placement.phase = 'revoking'\n",
    ),
    with: { ...RELATED, rushes: 1 },
  },
  {
    what: 'places a task anywhere as soon as there is something that it is to be near',
    breaks: 'relations',
    planted: one(
      RELATIONS,
      'if (crowd === undefined || crowd.near(device, by) === 0)',
      'if (crowd === undefined)',
    ),
    with: RELATED,
  },
]
