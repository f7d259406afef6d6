/** Artifacts over HTTP beside MQTT: one port, the same users, and nothing but what its name says. */
import { createHash } from 'node:crypto'
import { readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { client, later, recordingLogger, start, temporaryFolder } from '../test/broker-harness.ts'
import { enoughTime } from '../test/enough-time.ts'
import type { BrokerOptions, RunningBroker } from './broker.ts'
import { setPassword } from './passwords.ts'

const files = fileURLToPath(new URL('../test/broker-tls/', import.meta.url))
const tls = { key: join(files, 'key.pem'), cert: join(files, 'cert.pem') }

const nameOf = (content: string | Buffer): string =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`
const pathOf = (name: string): string => `/${name.replace(':', '/')}`

interface Asked {
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly ca?: Buffer
  /** Without saying how long the body is. */
  readonly chunked?: boolean
  /** A pause after this many bytes of the body, for ever. */
  readonly stopAfter?: number
}

interface Answered {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
  readonly error?: { readonly code: string; readonly message: string; readonly remedy: string }
}

function ask(base: string, method: string, path: string, asked: Asked = {}): Promise<Answered> {
  const { headers = {}, body, ca, chunked = false, stopAfter } = asked
  return new Promise((resolve, reject) => {
    const make = base.startsWith('https') ? httpsRequest : httpRequest
    const length = body === undefined || chunked ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const options = { method, headers: { ...length, ...headers }, ...(ca === undefined ? {} : { ca }) }
    const request = make(`${base}${path}`, options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        const json = response.headers['content-type'] === 'application/json' && text !== ''
        const parsed = json ? (JSON.parse(text) as Pick<Answered, 'error'>) : {}
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, ...parsed })
      })
    })
    request.on('error', reject)
    if (chunked) request.write(body)
    if (stopAfter === undefined) request.end(chunked ? undefined : body)
    else request.write((body ?? '').slice(0, stopAfter))
  })
}

const urlOf = (broker: RunningBroker, scheme = 'http'): string => `${scheme}://127.0.0.1:${broker.port}`

async function keeping(options: BrokerOptions = {}) {
  const data = options.data ?? (await temporaryFolder())
  const logger = recordingLogger()
  const broker = await start({ data, logger, ...options })
  const base = urlOf(broker)
  const stored = () => readdir(join(data, 'artifacts'))
  return { broker, base, data, logger, stored }
}

describe('on the port of MQTT', () => {
  test('what was put is there, under its digest alone, also after a restart', async () => {
    const { broker, base, data } = await keeping()
    const content = Buffer.alloc(300_000, 'covey')
    const path = pathOf(nameOf(content))
    expect(await ask(base, 'HEAD', path)).toMatchObject({ status: 404 })
    expect(await ask(base, 'PUT', path, { body: content })).toMatchObject({ status: 201 })
    expect(await ask(base, 'PUT', path, { body: content })).toMatchObject({ status: 200 })
    expect(await ask(base, 'HEAD', path)).toMatchObject({
      status: 200,
      headers: { 'content-length': '300000', etag: `"${nameOf(content)}"` },
    })
    expect((await ask(base, 'GET', path)).text).toBe(content.toString())
    // MQTT goes on as ever.
    await (await client(broker)).publishAsync('x', 'y', { qos: 1 })
    await broker.close()
    const again = await keeping({ data })
    expect((await ask(again.base, 'GET', path)).text).toBe(content.toString())
    const list = JSON.parse((await ask(again.base, 'GET', '/sha256/')).text)
    expect(list).toEqual({ artifacts: [{ name: nameOf(content), bytes: 300_000 }] })
    expect(await ask(again.base, 'DELETE', path)).toMatchObject({ status: 204 })
    expect(await ask(again.base, 'DELETE', path)).toMatchObject({ status: 404 })
    expect(await ask(again.base, 'GET', path)).toMatchObject({ status: 404, error: { code: 'E_ARTIFACT' } })
  })

  test('over TLS with the same certificate, and on the port of WebSocket', async () => {
    const ca = await readFile(tls.cert)
    const { broker } = await keeping({ tls, wsPort: 0 })
    const path = pathOf(nameOf('hello'))
    const base = `https://localhost:${broker.port}`
    expect(await ask(base, 'PUT', path, { body: 'hello', ca })).toMatchObject({ status: 201 })
    expect(await ask(base, 'GET', path, { ca })).toMatchObject({ status: 200, text: 'hello' })
    const webSocket = `https://localhost:${broker.wsPort}`
    expect(await ask(webSocket, 'GET', path, { ca })).toMatchObject({ status: 200, text: 'hello' })
    expect(await ask(webSocket, 'GET', '/else', { ca })).toMatchObject({ status: 426 })
    const mqtt = await client(broker, { ca, host: 'localhost' })
    await mqtt.publishAsync('x', 'y', { qos: 1 })
  })

  test('with the durability that a power cut wants, too', async () => {
    const { base } = await keeping({ durability: 'power' })
    expect(await ask(base, 'PUT', pathOf(nameOf('kept')), { body: 'kept' })).toMatchObject({ status: 201 })
    expect((await ask(base, 'GET', pathOf(nameOf('kept')))).text).toBe('kept')
  })

  test('a broker without a folder says that it keeps none', async () => {
    const broker = await start()
    const answer = await ask(urlOf(broker), 'GET', pathOf(nameOf('x')))
    expect(answer).toMatchObject({ status: 404, error: { code: 'E_ARTIFACT' } })
    expect(answer.error?.remedy).toContain('--data')
  })
})

describe('what is wrong', () => {
  test('content of another digest is refused, and nothing of it stays', async () => {
    const { base, stored, logger } = await keeping()
    const answer = await ask(base, 'PUT', pathOf(nameOf('good')), { body: 'bad' })
    expect(answer).toMatchObject({ status: 422, error: { code: 'E_ARTIFACT_DIGEST' } })
    expect(answer.error?.message).toContain(nameOf('bad'))
    expect(await stored()).toEqual([])
    expect(logger.codes).toEqual(['E_ARTIFACT_DIGEST'])
  })

  test.each([
    ['GET', '/sha256/abc', 400],
    ['GET', `/sha256/${'A'.repeat(64)}`, 400],
    ['GET', '/sha256/../../retained.mark', 404],
    ['GET', `/sha256/..%2f${'0'.repeat(64)}`, 400],
    ['GET', '/', 404],
    ['POST', pathOf(nameOf('x')), 405],
    ['DELETE', '/sha256/', 405],
  ])('%s %s is answered with %i', async (method, path, status) => {
    const { base } = await keeping()
    expect(await ask(base, method, path)).toMatchObject({ status, error: { remedy: expect.any(String) } })
  })

  test('what is too large is refused before it is sent, or where it exceeds the bound', async () => {
    const { base, stored } = await keeping({ limits: { artifactBytesMax: 1_000 } })
    const body = 'x'.repeat(1_001)
    const refused = { status: 413, error: { code: 'E_BROKER_LIMIT' } }
    expect(await ask(base, 'PUT', pathOf(nameOf(body)), { body })).toMatchObject(refused)
    expect(await ask(base, 'PUT', pathOf(nameOf(body)), { body, chunked: true })).toMatchObject(refused)
    expect(await stored()).toEqual([])
  })

  test('a full store refuses what is new, names the bound, and takes it when there is room again', async () => {
    const { base, stored } = await keeping({ limits: { artifactsBytesMax: 10, artifactsMax: 2 } })
    const put = (body: string) => ask(base, 'PUT', pathOf(nameOf(body)), { body })
    expect(await put('123456')).toMatchObject({ status: 201 })
    const full = await put('12345')
    expect(full).toMatchObject({ status: 507, error: { code: 'E_BROKER_LIMIT' } })
    expect(full.error?.message).toContain('artifactsBytesMax')
    expect(await put('12')).toMatchObject({ status: 201 })
    expect((await put('1')).error?.message).toContain('artifactsMax')
    expect(await ask(base, 'DELETE', pathOf(nameOf('123456')))).toMatchObject({ status: 204 })
    expect(await put('12345')).toMatchObject({ status: 201 })
    expect(await stored()).toHaveLength(2)
  })

  test('an upload that stops is ended, leaves nothing, and gives its room back', async () => {
    const body = '1234567890'
    const { base, stored, other, stuck } = await enoughTime(
      async (artifactSilenceMs) => {
        const limits = { artifactSilenceMs, artifactsBytesMax: 10, artifactUploadsMax: 1 }
        const { base, stored } = await keeping({ limits })
        let ended = false
        const stuck = ask(base, 'PUT', pathOf(nameOf(body)), { body, stopAfter: 4 })
        stuck.catch(() => {
          ended = true
        })
        await vi.waitFor(async () => expect((await stored()).length > 0 || ended).toBe(true))
        return { base, stored, stuck, other: await ask(base, 'PUT', pathOf(nameOf('x')), { body: 'x' }) }
      },
      // Else the first had been ended by then.
      ({ other }) => other.status === 503,
    )
    expect(other).toMatchObject({ status: 503, error: { code: 'E_BROKER_LIMIT' } })
    await expect(stuck).rejects.toThrow()
    await vi.waitFor(async () => expect(await stored()).toEqual([]))
    expect(await ask(base, 'PUT', pathOf(nameOf(body)), { body })).toMatchObject({ status: 201 })
  })

  test('a connection carries one request, and what comes behind it opens nothing', async () => {
    const { base, broker } = await keeping()
    const body = Buffer.alloc(1_000_000)
    const path = pathOf(nameOf(body))
    expect(await ask(base, 'PUT', path, { body })).toMatchObject({ status: 201 })
    const socket = connectTcp(broker.port, broker.host)
    later(async () => socket.destroy())
    socket.on('error', () => undefined)
    socket.pause()
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(200))
    const open = async () => {
      const files = await readdir('/proc/self/fd')
      const names = await Promise.all(files.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
      return names.filter((name) => name.endsWith(path.slice('/sha256/'.length))).length
    }
    await new Promise((resolve) => socket.once('close', resolve).resume())
    await vi.waitFor(async () => expect(await open()).toBe(0))
    expect(await ask(base, 'GET', path)).toMatchObject({ status: 200 })
  })

  test('what an earlier start left unfinished goes at the next', async () => {
    const { broker, data, stored } = await keeping()
    await broker.close()
    await writeFile(join(data, 'artifacts', `${'0'.repeat(64)}.aaaa.part`), 'half')
    await writeFile(join(data, 'artifacts', 'notes.txt'), 'of somebody else')
    await keeping({ data })
    expect(await stored()).toEqual(['notes.txt'])
  })

  test('a request that never becomes one is closed in time, and what is neither protocol too', async () => {
    const { broker, logger } = await keeping({ limits: { connectTimeoutMs: 200 } })
    const closed = (first: string) =>
      new Promise<void>((resolve) => {
        const socket = connectTcp(broker.port, broker.host)
        later(async () => socket.destroy())
        socket.on('error', () => undefined)
        socket.on('close', () => resolve())
        socket.write(first)
        socket.resume()
      })
    await closed('GET /sha256/ HTTP/1.1\r\nHost: x\r\nX: ')
    await closed('GARBAGE')
    await closed('garbage, in small letters')
    await vi.waitFor(() => expect(logger.codes).toContain('E_PACKET'))
    // A pause of this process may exceed the limit.
    const living = await vi.waitFor(() => client(broker))
    await living.publishAsync('x', 'y', { qos: 1 })
  })
})

describe('behind passwords', () => {
  const basic = (user: string, password = `${user}-secret`) => ({
    authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  })

  async function guarded() {
    const passwords = join(await temporaryFolder(), 'passwords')
    await setPassword(passwords, { user: 'pi', role: 'device', device: 'pi' }, 'pi-secret')
    await setPassword(passwords, { user: 'sam', role: 'submitter' }, 'sam-secret')
    await setPassword(passwords, { user: 'ann', role: 'operator' }, 'ann-secret')
    return keeping({ passwords })
  }

  test('devices read, submitters write, operators remove', async () => {
    const { base, broker } = await guarded()
    const path = pathOf(nameOf('x'))
    const as = (user: string, method: string) =>
      ask(base, method, path, { headers: basic(user), ...(method === 'PUT' ? { body: 'x' } : {}) })
    expect(await as('pi', 'PUT')).toMatchObject({ status: 403, error: { code: 'E_DENIED' } })
    expect(await as('sam', 'PUT')).toMatchObject({ status: 201 })
    expect(await as('pi', 'GET')).toMatchObject({ status: 200, text: 'x' })
    expect(await as('sam', 'DELETE')).toMatchObject({ status: 403 })
    expect(await as('ann', 'DELETE')).toMatchObject({ status: 204 })
    expect(broker.metrics().denied).toBe(0)
  })

  test('without a password, or with a wrong one, nothing is said of what there is', async () => {
    const { base, broker, logger } = await guarded()
    const path = pathOf(nameOf('x'))
    for (const headers of [{}, basic('sam', 'wrong'), basic('nobody'), { authorization: 'Bearer x' }]) {
      const answer = await ask(base, 'GET', path, { headers: headers as Record<string, string> })
      expect(answer).toMatchObject({ status: 401, error: { code: 'E_BROKER_REFUSED' } })
      expect(answer.headers['www-authenticate']).toContain('Basic')
    }
    expect(broker.metrics().denied).toBe(4)
    expect(logger.codes).toHaveLength(4)
  })

  test('where there are no passwords, web pages from elsewhere get nothing', async () => {
    const { base } = await keeping()
    const headers = { origin: 'https://evil.example.com' }
    const answer = await ask(base, 'PUT', pathOf(nameOf('x')), { body: 'x', headers })
    expect(answer).toMatchObject({ status: 403, error: { code: 'E_DENIED' } })
  })
})
