/**
 * The strategy `replay`: of the devices with room the one, and of its GPUs those, of which the worth falls least if what
 * was asked for lately were asked for again (agent/planning/replay.ts says how). A task goes where what it leaves is
 * of most use to GPUs: also one that asks for none, whose cpu and memory others may need beside theirs.
 *
 * What it remembers is bounded: the latest demands, and judgements of devices by what they have left. Where labels let a
 * task go is not looked at: what is asked for counts for every device.
 */
import { GPU, gpuCountOf, gpuMilliOf, gpuShareOf } from '../../../shared/model/gpus.ts'
import type { Resources } from '../../../shared/model/resources.ts'
import type { Random } from '../../../shared/random/random.ts'
import { Judge, type State } from '../../planning/judging.ts'
import { type Kind, partsOf } from '../../planning/parts.ts'
import type { DeviceRecord } from '../device-record.ts'
import type { TaskRecord } from '../task-record.ts'
import type { Shape } from './shape.ts'

/** Devices with room that are looked at for a task: those that fit best. */
export const JUDGED_LOOKS_MAX = 256
/** Resources beside GPUs that are judged by, in the order in which they are first asked for. */
const NAMES_MAX = 16
/** So many elements of an array count as demands. */
const ELEMENTS_MAX = 1_000
/** How much the fit counts: between devices that lose alike, and no others. */
const FIT_WEIGHT = 1e-6

/** What was known of a device, and until when it holds. */
interface Judged {
  readonly state: State
  readonly epoch: number
  readonly changes: number
  readonly capacity: Resources
}

export class Replaying {
  readonly #judge: Judge
  readonly #names: string[] = []
  readonly #judged = new WeakMap<DeviceRecord, Judged>()
  /** Some task was placed so: what is asked for is remembered from then on. */
  #inUse = false

  constructor(random: Random) {
    this.#judge = new Judge(random)
  }

  /** A task waits for a device, whoever chooses that. */
  asked({ strategy, resources }: Shape, { array }: TaskRecord): void {
    this.#inUse ||= strategy.judged === true
    if (!this.#inUse) return
    const times = Math.min(ELEMENTS_MAX, array?.waiting ?? 1)
    for (let n = 0; n < times; n++) this.#judge.observe(this.#kindOf(resources))
  }

  /**
   * How devices with room suit a demand: from 0 to 1, by a sigmoid of what their worth changes by in whole GPUs, so
   * that it is a half where nothing is lost. Holds until another demand is asked about.
   *
   * @returns takes the device and how well it fits, from 0 to 1
   */
  scoring(need: Resources): (device: DeviceRecord, fit: number) => number {
    const kind = this.#kindOf(need)
    return (device, fit) => {
      const gain = this.#judge.wayOf(this.#stateOf(device), kind)?.gain ?? 0
      return (1 - FIT_WEIGHT) / (1 + Math.exp(-gain / 1_000)) + FIT_WEIGHT * fit
    }
  }

  /** Which GPUs of the device the demand gets; `undefined` without room. */
  gpusOn(device: DeviceRecord, need: Resources): number[] | undefined {
    const kind = this.#kindOf(need)
    const way = this.#judge.wayOf(this.#stateOf(device), kind)
    return way === null ? undefined : partsOf(device.gpus.lefts(), way.left, kind.parts)
  }

  #kindOf(need: Resources): Kind {
    for (const name in need) {
      if (name === GPU || this.#names.includes(name) || this.#names.length >= NAMES_MAX) continue
      this.#names.push(name)
      this.#judge.forget()
    }
    const milli = gpuMilliOf(need)
    return this.#judge.kindOf({
      need: this.#names.map((name) => need[name] ?? 0),
      parts: gpuCountOf(milli),
      milli: gpuShareOf(milli),
      models: undefined,
    })
  }

  #stateOf(device: DeviceRecord): State {
    const { changes, capacity, reserved, gpus } = device
    const { epoch } = this.#judge
    const known = this.#judged.get(device)
    if (known?.changes === changes && known.epoch === epoch && known.capacity === capacity) return known.state
    const state = this.#judge.stateOf({
      model: undefined,
      free: this.#names.map((name) => (capacity[name] ?? 0) - (reserved[name] ?? 0)),
      parts: gpus.lefts().map((left) => Math.max(0, left)),
    })
    this.#judged.set(device, { state, epoch, changes, capacity })
    return state
  }
}
