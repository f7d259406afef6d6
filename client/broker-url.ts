/** Addresses of brokers as people write them, and as they may be shown. */
import { CoveyError } from '../shared/errors/errors.ts'

export const DEFAULT_BROKER = 'mqtt://127.0.0.1:1883'

const DEFAULT_PORTS = { 'mqtt:': 1883, 'mqtts:': 8883, 'ws:': 80, 'wss:': 443 } as const
type Scheme = keyof typeof DEFAULT_PORTS
const ALIASES: Readonly<Record<string, Scheme>> = { 'tcp:': 'mqtt:', 'ssl:': 'mqtts:', 'tls:': 'mqtts:' }

export interface BrokerUrl {
  /** Without credentials: fit to be printed and logged. */
  readonly href: string
  readonly host: string
  readonly port: number
  readonly secure: boolean
  readonly webSocket: boolean
  /** From the address itself, like `mqtt://user:secret@host`. */
  readonly username?: string
  readonly password?: string
}

/**
 * Reads `mqtt://host:1883`, `mqtts://`, `ws://`, `wss://`, or just `host` or `host:port` (then plain MQTT).
 *
 * @throws CoveyError E_USAGE when it is none of them
 */
export function parseBrokerUrl(text: string): BrokerUrl {
  const written = text.includes('://') ? text : `mqtt://${text}`
  // The password must not appear in an error message, which may end up in a log.
  const shown = text.replace(/\/\/[^@/]*@/, '//…@')
  if (text === '' || !URL.canParse(written)) throw wrong(shown)
  const url = new URL(written)
  const scheme = (ALIASES[url.protocol] ?? url.protocol) as Scheme
  const defaultPort = DEFAULT_PORTS[scheme]
  if (defaultPort === undefined || url.hostname === '') throw wrong(shown)
  const port = url.port === '' ? defaultPort : Number(url.port)
  const webSocket = scheme === 'ws:' || scheme === 'wss:'
  const path = webSocket ? url.pathname.replace(/\/$/, '') + url.search : ''
  return {
    href: `${scheme}//${url.hostname}:${port}${path}`,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    secure: scheme === 'mqtts:' || scheme === 'wss:',
    webSocket,
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  }
}

function wrong(shown: string): CoveyError {
  return new CoveyError('E_USAGE', `${JSON.stringify(shown)} is not the address of a broker`, {
    remedy: 'Write it like mqtt://192.168.1.10:1883, mqtts://host:8883, ws://host:9001 or wss://host',
  })
}
