import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DataDirectoryInUse, openDataDirectory, readOrCreateSecretFile } from './data-directory.ts'

const scratch = await mkdtemp(join(tmpdir(), 'mailwright-data-'))
after(() => rm(scratch, { recursive: true, force: true }))

const holderProgram = `
  const { openDataDirectory } = await import(${JSON.stringify(new URL('./data-directory.ts', import.meta.url).href)})
  try {
    await openDataDirectory(process.argv[1])
    console.log('held')
    setInterval(() => {}, 1000)
  } catch (error) {
    console.log(error.name)
  }
`

function startHolder(directory: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', holderProgram, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout)
  const [chunk] = await once(child.stdout, 'data')
  return String(chunk).trim()
}

test('a second holder in the same process is refused until the first lets go', async () => {
  const path = join(scratch, 'same', 'deep')
  const first = await openDataDirectory(path)
  assert.equal(first.path, path)
  await assert.rejects(openDataDirectory(path), (error) => {
    assert.ok(error instanceof DataDirectoryInUse)
    assert.equal(error.holderPid, process.pid)
    assert.match(error.message, new RegExp(`${path} is in use by the process ${process.pid};`))
    return true
  })
  await first.release()
  await first.release()
  assert.ok(!(await readdir(path)).includes('mailwright.pid'))
  await (await openDataDirectory(path)).release()
})

test('the lock of another process holds, names its pid, and vanishes with kill -9', async () => {
  const path = join(scratch, 'killed')
  const holder = startHolder(path)
  assert.equal(await firstLine(holder), 'held')
  await assert.rejects(openDataDirectory(path), { name: 'DataDirectoryInUse', holderPid: holder.pid })
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  assert.equal(
    (await readFile(join(path, 'mailwright.pid'), 'utf8')).trim(),
    String(holder.pid),
    'left behind',
  )
  const next = await openDataDirectory(path)
  assert.equal((await readFile(join(path, 'mailwright.pid'), 'utf8')).trim(), String(process.pid))
  await next.release()
})

test('of several processes that start together, exactly one gets the directory', async () => {
  const path = join(scratch, 'race')
  const holders = [1, 2, 3, 4].map(() => startHolder(path))
  const answers = await Promise.all(holders.map(firstLine))
  for (const holder of holders) holder.kill('SIGKILL')
  assert.deepEqual(answers.toSorted(), [
    'DataDirectoryInUse',
    'DataDirectoryInUse',
    'DataDirectoryInUse',
    'held',
  ])
})

test('a new directory is closed to others, an existing one keeps its mode', async () => {
  const made = join(scratch, 'modes', 'made')
  await (await openDataDirectory(made)).release()
  assert.equal((await stat(made)).mode & 0o777, process.getuid?.() === 0 ? 0o711 : 0o700)
  const existing = join(scratch, 'modes', 'existing')
  await mkdir(existing)
  await chmod(existing, 0o755)
  await (await openDataDirectory(existing)).release()
  assert.equal((await stat(existing)).mode & 0o777, 0o755)
})

test('a secret file is made once, with mode 0600, and read ever after', async () => {
  const path = join(scratch, 'secret')
  let made = 0
  const make = () => `secret-${++made}`
  const values = await Promise.all([1, 2, 3, 4].map(() => readOrCreateSecretFile(path, make)))
  assert.equal(new Set(values).size, 1, 'four at once agree')
  assert.equal(await readOrCreateSecretFile(path, () => 'other'), values[0])
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.deepEqual(
    (await readdir(scratch)).filter((name) => name.endsWith('.tmp')),
    [],
  )
})

test('an empty secret file stops the start and is not replaced', async () => {
  const path = join(scratch, 'empty')
  await writeFile(path, '')
  await assert.rejects(
    readOrCreateSecretFile(path, () => 'x'),
    /The secret file .*empty is empty/,
  )
  assert.equal(await readFile(path, 'utf8'), '')
})

test('a directory that cannot be made is refused in a sentence, and waits for nothing', async () => {
  const file = join(scratch, 'a file')
  await writeFile(file, '')
  const impossible = [file, join(file, 'below')]
  if (process.platform === 'linux') impossible.push('/proc/mailwright', '/proc/mailwright/below') // ENOENT for ever
  for (const path of impossible) {
    await assert.rejects(openDataDirectory(path), /^Error: the data directory .* cannot be made$/, path)
  }
})
