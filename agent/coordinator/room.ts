/** Room on a device as it would be if some of what is placed there were gone. */
import { type Gpus, gpuMilliOf } from '../../shared/model/gpus.ts'
import { accumulate, fits, type Resources, remaining } from '../../shared/model/resources.ts'
import type { DeviceRecord, Placement } from './device-record.ts'

type Gone = Pick<Placement, 'resources' | 'gpus'>

export class Room {
  readonly #left: Record<string, number>
  readonly #gpus: Gpus

  /** Begins with what the device has left now. */
  constructor({ capacity, reserved, gpus }: DeviceRecord) {
    this.#left = remaining(capacity, reserved)
    this.#gpus = gpus.copy()
  }

  /** What of it is gone (1), or there again (-1). */
  without({ resources, gpus = [] }: Gone, sign: 1 | -1): void {
    accumulate(this.#left, resources, sign)
    this.#gpus.count(gpus, gpuMilliOf(resources), sign === 1 ? -1 : 1)
  }

  fits(need: Resources): boolean {
    return fits(need, this.#left) && this.#gpus.fits(gpuMilliOf(need))
  }

  /** Whether, gone, it would leave any of what is lacking for `need`. */
  isHelpedBy({ resources }: Gone, need: Resources): boolean {
    for (const name in need)
      if ((need[name] as number) > (this.#left[name] ?? 0) && (resources[name] ?? 0) > 0) return true
    return gpuMilliOf(resources) > 0 && !this.#gpus.fits(gpuMilliOf(need))
  }
}
