/** `covey artifact`: files that tasks name by their digest. */
import { isArtifactName } from '../../shared/artifacts/names.ts'
import { CoveyError } from '../../shared/errors/errors.ts'
import { didYouMean } from '../../shared/errors/suggest.ts'
import { type ArtifactOptions, listArtifacts, putArtifact, removeArtifact } from '../artifacts.ts'
import type { OptionsOf } from './commands.ts'
import type { Context } from './context.ts'
import { artifactOptionsOf } from './open-client.ts'
import type { Values } from './options.ts'

type ArtifactValues = Values<OptionsOf<'artifact'>>

/** @throws CoveyError what keeps it from being done; what was done before that stays */
export async function run(
  context: Context,
  values: ArtifactValues,
  [verb = '', ...names]: readonly string[],
): Promise<number> {
  const options = artifactOptionsOf(context, values)
  const say = (text: string, object: object) =>
    context.stdout.write(`${values.json === true ? JSON.stringify(object) : text}\n`)
  switch (verb) {
    case 'put':
      wantNames(verb, names, 'a file')
      for (const file of names) {
        const put = await putArtifact(file, options)
        say(put.name, { file, ...put })
      }
      return 0
    case 'remove':
      wantNames(verb, names, 'a digest')
      for (const name of names) {
        if (!isArtifactName(name)) throw noDigest(name)
        await removeArtifact(name, options)
        say(`artifact ${name} is removed`, { name, removed: true })
      }
      return 0
    case 'list':
      if (names.length > 0)
        throw new CoveyError('E_USAGE', `${JSON.stringify(names[0])} is one word too many`)
      await list(context, options, values.json === true)
      return 0
  }
  const verbs = ['put', 'list', 'remove']
  throw new CoveyError('E_USAGE', `covey artifact cannot ${JSON.stringify(verb)}`, {
    remedy: `${didYouMean(verb, verbs)}Use one of: ${verbs.join(', ')}`,
  })
}

async function list(context: Context, options: ArtifactOptions, json: boolean): Promise<void> {
  const found = await listArtifacts(options)
  if (json) context.stdout.write(`${JSON.stringify(found)}\n`)
  else for (const { name, bytes } of found) context.stdout.write(`${name}  ${bytes}\n`)
}

function wantNames(verb: string, names: readonly string[], what: string): void {
  if (names.length > 0) return
  throw new CoveyError('E_USAGE', `covey artifact ${verb} wants ${what}`, {
    remedy: 'See covey help artifact',
  })
}

function noDigest(name: string): CoveyError {
  return new CoveyError('E_USAGE', `${JSON.stringify(name)} is no digest of an artifact`, {
    remedy: 'Write sha256: and 64 hexadecimal digits, as covey artifact put prints it',
  })
}
