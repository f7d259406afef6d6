/** Where the broker is and how to prove who we are; and why it could not be reached, in words that help. */
import { CoveyError } from '../../shared/errors/errors.ts'
import { ERRORS, type ErrorCode } from '../../shared/errors/table.ts'

export interface Credentials {
  readonly username?: string
  readonly password?: string
  /** Certificate authorities in PEM that are trusted instead of the system's, for mqtts:// and wss://. */
  readonly ca?: string
}

export interface BrokerAddress extends Credentials {
  readonly protocol: 'mqtt' | 'mqtts' | 'ws' | 'wss'
  readonly host: string
  readonly port: number
  /** Path and query of a WebSocket, like "/mqtt". */
  readonly path: string
  /** The address without credentials, for messages. */
  readonly shown: string
}

const PORTS = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 } as const
const EXAMPLE = 'Write it like mqtt://192.168.1.2:1883, mqtts://host:8883, ws://host/ or wss://host/'

/**
 * Takes a broker's URL apart. Credentials given besides the URL win over those in it.
 *
 * @throws CoveyError E_USAGE when it is not a URL of a broker
 */
export function parseBrokerUrl(url: string, credentials: Credentials = {}): BrokerAddress {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const protocol = parsed?.protocol.slice(0, -1) ?? ''
  if (parsed === undefined || !(protocol in PORTS) || parsed.hostname === '') {
    throw new CoveyError(
      'E_USAGE',
      `broker ${JSON.stringify(withoutSecret(url))} is not the URL of a broker`,
      { remedy: EXAMPLE },
    )
  }
  const scheme = protocol as keyof typeof PORTS
  const port = parsed.port === '' ? PORTS[scheme] : Number(parsed.port)
  const path = scheme === 'ws' || scheme === 'wss' ? `${parsed.pathname || '/'}${parsed.search}` : ''
  const fromUrl: Credentials = {
    ...(parsed.username === '' ? {} : { username: decodeURIComponent(parsed.username) }),
    ...(parsed.password === '' ? {} : { password: decodeURIComponent(parsed.password) }),
  }
  return {
    ...fromUrl,
    ...credentials,
    protocol: scheme,
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    path,
    shown: `${scheme}://${parsed.hostname}:${port}${path}`,
  }
}

function withoutSecret(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//…@')
}

/** CONNACK's return code for a client id that the broker does not take. */
const IDENTIFIER_REJECTED = 2

/** What is known when a connection could not be made or broke. */
export interface ConnectionFault {
  readonly clientId: string
  readonly error: (Error & { code?: string | number }) | undefined
  /** Whether the broker had accepted the connection. */
  readonly accepted: boolean
}

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_/

/** One line that names the code, what happened and what to do about it. */
export function describeFault(address: BrokerAddress, fault: ConnectionFault): string {
  const { clientId, error, accepted } = fault
  if (accepted)
    return `the broker at ${address.shown} closed the connection${error === undefined ? '' : `: ${tell(error)}`}`
  if (error === undefined) {
    return line('E_BROKER_REFUSED', `${address.shown} closed the connection before it accepted it`)
  }
  if (error.message.startsWith('Connection refused: ')) {
    const what = `the broker at ${address.shown} refused the connection: ${error.message.slice(20)}`
    if (error.code !== IDENTIFIER_REJECTED) return line('E_BROKER_REFUSED', what)
    return line(
      'E_BROKER_REFUSED',
      `${what}: ${clientId}, ${clientId.length} characters`,
      'Use a shorter --id or --mesh, or a broker that takes client ids of that length',
    )
  }
  if (/Unexpected server response: (401|403)/.test(error.message)) {
    return line('E_BROKER_REFUSED', `${address.shown} refused the connection: ${tell(error)}`)
  }
  if (CERTIFICATE.test(String(error.code))) {
    const remedy = 'Give the authority that signed it with --ca, or correct the host name'
    return line(
      'E_BROKER_REFUSED',
      `the certificate of ${address.shown} is not trusted: ${tell(error)}`,
      remedy,
    )
  }
  return line('E_BROKER_UNREACHABLE', `no broker answers at ${address.shown}: ${tell(error)}`)
}

function line(code: ErrorCode, what: string, remedy: string = ERRORS[code].remedy): string {
  return `${code}: ${what}. ${remedy}`
}

/** An AggregateError (several addresses of one name) has an empty message and keeps the code. */
function tell(error: Error & { code?: string | number }): string {
  if (error.message !== '') return error.message
  return error.code === undefined ? error.name : String(error.code)
}
