import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../test/broker-harness.ts'
import { Credentials } from './credentials.ts'
import { parseUsers, readUsers, removeUser, setPassword, type User, verifyPassword } from './passwords.ts'

const SECRET = 'scrypt$16$1$1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'

test('users are written, replaced and removed, and everything else in the file stays', async () => {
  const folder = await temporaryFolder()
  const file = join(folder, 'passwords')
  await writeFile(file, '# the edge\n\n')
  await setPassword(file, { user: 'pi', role: 'device', device: 'pi-7', mesh: 'home' }, 'one')
  await setPassword(file, { user: 'ann', role: 'operator' }, 'two')
  await setPassword(file, { user: 'pi', role: 'coordinator', device: 'pi-7' }, 'three:$')
  const users = await readUsers(file)
  expect([...users.keys()]).toEqual(['pi', 'ann'])
  expect(users.get('pi')).toMatchObject({ role: 'coordinator', device: 'pi-7' })
  expect(users.get('pi')?.mesh).toBeUndefined()
  const pi = users.get('pi')
  if (pi === undefined) expect.unreachable()
  else {
    expect(await verifyPassword(pi, Buffer.from('three:$'))).toBe(true)
    expect(await verifyPassword(pi, Buffer.from('one'))).toBe(false)
  }
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(await readFile(file, 'utf8')).toMatch(/^# the edge\n\npi:coordinator:pi-7:scrypt\$16384\$8\$1\$/)
  expect(await removeUser(file, 'pi')).toBe(true)
  expect(await removeUser(file, 'pi')).toBe(false)
  expect([...(await readUsers(file)).keys()]).toEqual(['ann'])
  expect(await readdir(folder)).toEqual(['passwords'])
})

test.each([
  ['ann', 'it is not user:role'],
  [`ann:king:${SECRET}`, '"king" is no role'],
  [`a b:operator:${SECRET}`, 'the user name'],
  [`pi:device:${SECRET}`, 'needs its device'],
  [`pi:device:a/b/c:${SECRET}`, 'needs its device'],
  [`pi:device:../x:${SECRET}`, 'not made of ids'],
  [`ann:operator:home/x:${SECRET}`, 'is a mesh'],
  ['ann:operator:bcrypt$1$2', 'not scrypt'],
  ['ann:operator:scrypt$17$8$1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA', 'not scrypt'],
  ['ann:operator:scrypt$1073741824$8$1$AAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAA', 'not scrypt'],
  ['ann:operator:scrypt$16$1$1$AA$AA', 'too short'],
  [`bob:operator:${SECRET}`, 'stands in it twice'],
])('a malformed line is refused with its number: %s', (line, why) => {
  const text = `# head\nbob:submitter:${SECRET}\n${line}\n`
  expect(() => parseUsers(text, 'file')).toThrow(`file, line 3: `)
  expect(() => parseUsers(text, 'file')).toThrow(why)
})

test.each([
  [{ user: 'pi', role: 'device' }, 'x', 'needs its device'],
  [{ user: 'ann', role: 'operator', device: 'pi-7' }, 'x', 'is no device'],
  [{ user: 'a:b', role: 'operator' }, 'x', 'user name'],
  [{ user: 'ann', role: 'operator' }, '', '0 bytes'],
] as [User, string, string][])('a user that cannot be is not written: %j', async (user, password, why) => {
  const folder = await temporaryFolder()
  await expect(setPassword(join(folder, 'passwords'), user, password)).rejects.toThrow(why)
  expect(await readdir(folder)).toEqual([])
})

test('a malformed file is not overwritten, and a missing one is named', async () => {
  const file = join(await temporaryFolder(), 'passwords')
  await expect(readUsers(file)).rejects.toMatchObject({ code: 'E_USAGE' })
  await writeFile(file, 'nonsense\n')
  await expect(setPassword(file, { user: 'ann', role: 'operator' }, 'x')).rejects.toThrow('line 1')
  expect(await readFile(file, 'utf8')).toBe('nonsense\n')
})

async function credentials(limits = { passwordCacheMax: 2, passwordQueueMax: 100 }) {
  const file = join(await temporaryFolder(), 'passwords')
  for (const user of ['a', 'b', 'c']) await setPassword(file, { user, role: 'operator' }, `of ${user}`)
  return new Credentials(await readUsers(file), limits)
}

test('a password is verified once, asked at once or later, and the memory for it is bounded', async () => {
  const check = await credentials()
  const storm = await Promise.all(Array.from({ length: 50 }, () => check.check('a', Buffer.from('of a'))))
  expect(storm.every((user) => user !== 'busy' && user?.user === 'a')).toBe(true)
  expect(check.verifications).toBe(1)
  await check.check('a', Buffer.from('of a'))
  expect(check.verifications).toBe(1)
  await check.check('b', Buffer.from('of b'))
  await check.check('c', Buffer.from('of c'))
  await check.check('a', Buffer.from('of a'))
  expect(check.verifications).toBe(4)
})

test('wrong passwords and unknown users cost a verification each time and get nothing', async () => {
  const check = await credentials()
  expect(await check.check('a', Buffer.from('of b'))).toBeUndefined()
  expect(await check.check('nobody', Buffer.from('of a'))).toBeUndefined()
  expect(await check.check('a', Buffer.from('of b'))).toBeUndefined()
  expect(check.verifications).toBe(3)
})

test('beyond passwordQueueMax the answer is busy', async () => {
  const check = await credentials({ passwordCacheMax: 2, passwordQueueMax: 1 })
  const answers = await Promise.all([1, 2, 3, 4, 5].map((i) => check.check('a', Buffer.from(`wrong ${i}`))))
  expect(answers).toEqual([undefined, undefined, undefined, 'busy', 'busy'])
})
