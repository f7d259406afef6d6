import { describe, expect, test } from 'vitest'
import { artifactAtPath, artifactPath, isArtifactName } from './names.ts'
import { artifactServer, parseServerUrl } from './server.ts'

const NAME = `sha256:${'0a'.repeat(32)}`
const broker = {
  host: 'broker.lan',
  port: 1883,
  secure: false,
  username: 'pi',
  password: 'secret',
  ca: 'PEM',
}

describe('the name of an artifact', () => {
  test('stands in a path, and is found in it', () => {
    expect(artifactPath(NAME)).toBe(`/sha256/${'0a'.repeat(32)}`)
    expect(artifactAtPath(artifactPath(NAME))).toBe(NAME)
  })

  test.each([
    '',
    '/sha256/',
    `/sha512/${'0a'.repeat(32)}`,
    `${artifactPath(NAME)}/`,
    `${artifactPath(NAME)}0`,
  ])('is not found in %j', (path) => expect(artifactAtPath(path)).toBeUndefined())

  test('is written in one way only', () => {
    expect(isArtifactName(NAME)).toBe(true)
    for (const other of [NAME.toUpperCase(), NAME.slice(7), ` ${NAME}`, `${NAME}\n`]) {
      expect(isArtifactName(other), other).toBe(false)
    }
  })
})

describe('the server of artifacts', () => {
  test('is the broker, with its users, unless another is named', () => {
    const credentials = { username: 'pi', password: 'secret', ca: 'PEM' }
    expect(artifactServer(undefined, broker)).toEqual({ url: 'http://broker.lan:1883', ...credentials })
    expect(artifactServer(undefined, { ...broker, secure: true, host: '::1' }).url).toBe('https://[::1]:1883')
  })

  test('that is named gets the credentials in its address, and never those of the broker', () => {
    expect(artifactServer('https://files.lan/covey/', broker)).toEqual({
      url: 'https://files.lan/covey',
      ca: 'PEM',
    })
    expect(artifactServer('http://ann:p%40ss@files.lan:8080?x=1', broker)).toEqual({
      url: 'http://files.lan:8080',
      username: 'ann',
      password: 'p@ss',
      ca: 'PEM',
    })
  })

  test.each(['', 'files.lan', 'mqtt://files.lan', 'ftp://files.lan', 'http://'])('is not %j', (text) => {
    expect(() => parseServerUrl(text)).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
  })

  test('that is none is told without its password', () => {
    expect(() => parseServerUrl('ftp://ann:secret@files.lan')).toThrow(/^(?!.*secret)/)
  })
})
