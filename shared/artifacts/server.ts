/** Where artifacts are served: beside the broker, on its own port, unless another server is named. */
import { CoveyError } from '../errors/errors.ts'

export interface ArtifactServer {
  /** Without credentials, path or query at its end: fit to be shown, and to be followed by `/sha256/…`. */
  readonly url: string
  readonly username?: string
  readonly password?: string
  /** Certificate authorities in PEM that are trusted instead of the system's. */
  readonly ca?: string
}

/** What is known of a broker; `secure` says that it speaks TLS. */
export interface BrokerPlace {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly ca?: string | undefined
}

/**
 * The server of artifacts: the one named, or the broker itself. A server of its own gets the credentials that stand in
 * its address, and never those of the broker.
 *
 * @param named address such as "https://files.lan/covey"
 * @throws CoveyError E_USAGE when that is no address of a web server
 */
export function artifactServer(named: string | undefined, broker: BrokerPlace): ArtifactServer {
  const { ca, username, password } = broker
  const authority = ca === undefined ? {} : { ca }
  if (named !== undefined) return { ...parseServerUrl(named), ...authority }
  const host = broker.host.includes(':') ? `[${broker.host}]` : broker.host
  return {
    url: `${broker.secure ? 'https' : 'http'}://${host}:${broker.port}`,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...authority,
  }
}

/** @throws CoveyError E_USAGE when it is no address of a web server */
export function parseServerUrl(text: string): ArtifactServer {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    // A password must not appear in an error message, which may end up in a log.
    const shown = JSON.stringify(text.replace(/\/\/[^@/]*@/, '//…@'))
    throw new CoveyError('E_USAGE', `${shown} is not the address of an artifact server`, {
      remedy: 'Write it like http://192.168.1.2:8080 or https://files.lan/covey',
    })
  }
  return {
    url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  }
}
