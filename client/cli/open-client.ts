/** A connected client made from the connection options; it is closed whatever happens. */
import { readFileSync } from 'node:fs'
import type { ArtifactOptions } from '../artifacts.ts'
import type { Client } from '../client.ts'
import { type ConnectOptions, connect } from '../connect.ts'
import { abortable } from '../link.ts'
import type { Context } from './context.ts'
import type { Values } from './options.ts'
import { wrongValue } from './values.ts'

export type ConnectionValues = Values<
  'broker' | 'mesh' | 'username' | 'password' | 'passwordFile' | 'ca' | 'connectTimeout'
>
export type CredentialValues = Pick<ConnectionValues, 'username' | 'password' | 'passwordFile'>

/**
 * Connects, does the work and closes. Ctrl-C ends it at once, with the interruption as the error.
 *
 * @throws what `connect` and the work throw; CoveyError E_USAGE for files that cannot be read
 */
export async function withClient<T>(
  context: Context,
  values: ConnectionValues,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await abortable(connect(connectOptionsOf(values)), context.interrupted)
  try {
    return await abortable(work(client), context.interrupted)
  } finally {
    await client.close()
  }
}

/** The SDK's options from the command line's. */
export function connectOptionsOf(values: ConnectionValues): ConnectOptions {
  return {
    url: values.broker,
    mesh: values.mesh,
    timeoutMs: values.connectTimeout,
    ...credentialsOf(values),
    ...(values.ca === undefined ? {} : { ca: readNamedFile('--ca', values.ca) }),
  }
}

/** Where artifacts are, from the command line's options. */
export function artifactOptionsOf(
  context: Context,
  values: ConnectionValues & Values<'artifacts'>,
): ArtifactOptions {
  const { artifacts, ca } = values
  return {
    url: values.broker,
    ...credentialsOf(values),
    signal: context.interrupted,
    ...(ca === undefined ? {} : { ca: readNamedFile('--ca', ca) }),
    ...(artifacts === undefined ? {} : { artifacts }),
  }
}

/** User name and password, the latter also from a file. */
export function credentialsOf(values: CredentialValues): { username?: string; password?: string } {
  const { username, passwordFile } = values
  const password =
    values.password ??
    (passwordFile === undefined
      ? undefined
      : readNamedFile('--password-file', passwordFile).split(/\r?\n/, 1)[0])
  return { ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }) }
}

/** @throws CoveyError E_USAGE that names the option */
export function readNamedFile(where: string, path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw wrongValue(where, `the file cannot be read: ${(error as Error).message}`, 'Name a readable file')
  }
}
