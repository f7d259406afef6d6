/** What a mesh goes by without settings is what is said of it. */
import { expect, it } from 'vitest'
import { withDefaults } from '../../shared/model/mesh-defaults.ts'
import { checkBody } from '../../shared/protocol/codec.ts'
import { Context } from '../core/context.ts'
import { settingsOf } from './office.ts'

const context = new Context({ mesh: 'm', device: 'd', candidate: 'auto', seed: 's' } as ConstructorParameters<
  typeof Context
>[0])

it.each([
  [{}],
  [{ highMark: 0.5 }],
  [{ highMark: 'never' }],
  [{ strategy: 'dp', defaultLink: 'none' }],
] as const)('Written out, the defaults of %j are settings that change nothing', (config) => {
  const written = withDefaults(config)
  expect(checkBody('config', written)).toBeUndefined()
  const { network: silent, ...rest } = settingsOf(context, config)
  const { network, ...others } = settingsOf(context, written)
  expect(others).toEqual(rest)
  expect(network.siteLabel).toBe(silent.siteLabel)
  expect(network.between('a', 'b')).toEqual(silent.between('a', 'b'))
  expect(network.between('a', undefined)).toEqual(silent.between('a', undefined))
})
