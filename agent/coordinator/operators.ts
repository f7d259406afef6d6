/**
 * What operators write: the mesh's settings, and wishes for devices. There is no status in which to say what is wrong with
 * that, so it is told as an event; and of settings, which stay wrong until somebody looks, in the beacon as well.
 */
import type { Rejection } from '../../shared/errors/errors.ts'
import type { Incoming } from '../../shared/protocol/codec.ts'
import type { Beacon } from '../../shared/protocol/schemas/index.ts'
import type { Fleet } from './fleet.ts'
import { type Office, settingsOf } from './office.ts'

type Of<R extends 'config' | 'desired'> = Extract<Incoming, { route: R }>

export class Operators {
  readonly #office: Office
  readonly #fleet: Fleet
  readonly #refusalChanged: () => void
  /** Settings were taken that somebody has given. */
  #given: boolean
  #refusal: Beacon['configRefused']

  /**
   * @param given whether the office began with settings that somebody has given
   * @param refusalChanged hears when what the beacon says of settings is another now
   */
  constructor(office: Office, fleet: Fleet, given: boolean, refusalChanged: () => void) {
    this.#office = office
    this.#fleet = fleet
    this.#given = given
    this.#refusalChanged = refusalChanged
  }

  /** Why the settings are not taken that are retained now; nothing when they are. */
  get refusal(): Pick<Beacon, 'configRefused'> {
    return this.#refusal === undefined ? {} : { configRefused: this.#refusal }
  }

  /** Other settings. */
  config(message: Of<'config'>): void {
    if ('rejection' in message) {
      this.#complain('config', '', message.rejection)
      this.#refuse({ error: { ...message.rejection }, goesBy: this.#given ? 'earlier' : 'defaults' })
    } else {
      const body = 'body' in message ? message.body : undefined
      this.#given = body !== undefined
      this.#fleet.configured(settingsOf(this.#office.context, body))
      this.#refuse(undefined)
    }
  }

  #refuse(refusal: Beacon['configRefused']): void {
    if (this.#refusal === undefined && refusal === undefined) return
    this.#refusal = refusal
    this.#refusalChanged()
  }

  /** What is wished of a device. */
  desired(message: Of<'desired'>): void {
    if ('rejection' in message) this.#complain('desired', message.id, message.rejection)
    else this.#fleet.desired(message.id, 'body' in message ? message.body : undefined)
  }

  #complain(topic: string, id: string, { path, message: what }: Rejection): void {
    const message = path === '' ? what : `${path}: ${what}`
    this.#office.event('rejected', `${topic} was not taken: ${message}`, { device: id })
    this.#office.context.log('warn', `${topic} was not taken`, { id, message })
  }
}
