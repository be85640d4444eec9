/** Pictures that are named by a URL: what is fetched, what is not, and what comes of those of new mailboxes. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { type PictureServer, startPictureServer } from '../testing/picture-server.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { colourAt } from '../testing/test-pictures.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { getPicture } from './pictures.ts'
import { addPicturesFromUrls, setPictureFromUrl } from './pictures-from-urls.ts'

let t: TestPlatform
let pictures: PictureServer
before(async () => {
  pictures = await startPictureServer()
  t = await startTestPlatform({ MAILWRIGHT_OUTBOUND_NETWORKS: 'any' })
})
after(async () => {
  await t[Symbol.asyncDispose]()
  await pictures[Symbol.asyncDispose]()
})

async function refusalOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => 'none',
    (cause: unknown) => cause,
  )
  assert.ok(error instanceof Refusal, String(error))
  return `${error.code}: ${error.detail}`
}

async function isRed({ platform, scope }: TestPlatform, mailboxId: string): Promise<boolean> {
  const { jpeg } = await getPicture(platform, scope, mailboxId)
  const { r, g, b } = await colourAt(jpeg, 256, 256)
  return r > 250 && g < 5 && b < 5
}

for (const path of ['/red.png', '/moved/1', '/moved/3']) {
  test(`a picture at ${path} is made the mailbox’s`, async () => {
    const { mailboxId } = await t.createMailbox()
    await setPictureFromUrl(t.platform, t.scope, mailboxId, pictures.url + path)
    assert.ok(await isRed(t, mailboxId))
  })
}

const refused: [url: string, detail: RegExp][] = [
  ['/moved/4', /on and on/],
  ['/none', /status 404/],
  ['/failing', /status 503/],
  ['/text', /no PNG/],
  ['/large', /more than 10 MiB/],
  ['ftp://demo.test/a.png', /http or https/],
  ['a.png', /http or https/],
  ['http://a:b@demo.test/a.png', /user and password/],
  [`https://demo.test/${'a'.repeat(2048)}`, /http or https/],
  ['http://127.0.0.1:25/a.png', /none of the web/],
  ['http://127.0.0.1:1025/a.png', /does not answer/],
]
for (const [url, detail] of refused) {
  test(`refused: ${url.slice(0, 60)}`, async () => {
    pictures.failing.left = 1
    const { mailboxId } = await t.createMailbox()
    const full = url.startsWith('/') ? pictures.url + url : url
    const text = await refusalOf(setPictureFromUrl(t.platform, t.scope, mailboxId, full))
    assert.match(text, /^picture_invalid: /)
    assert.match(text, detail)
    assert.match(await refusalOf(getPicture(t.platform, t.scope, mailboxId)), /^picture_not_found/)
  })
}

test('nothing is asked for whoever may not change the mailbox', async () => {
  const { mailboxId } = await t.createMailbox()
  pictures.paths.length = 0
  const reading = { ...t.scope, access: 'read' as const }
  const url = `${pictures.url}/red.png`
  assert.match(await refusalOf(setPictureFromUrl(t.platform, reading, mailboxId, url)), /^forbidden/)
  const unknown = '00000000-0000-4000-8000-000000000000'
  assert.match(await refusalOf(setPictureFromUrl(t.platform, t.scope, unknown, url)), /^mailbox_not_/)
  assert.deepEqual(pictures.paths, [])
})

test('private networks are not connected to', async () => {
  await using own = await startTestPlatform()
  const { mailboxId } = await own.createMailbox()
  pictures.paths.length = 0
  const { port } = new URL(pictures.url)
  for (const host of [
    '127.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0x7f000001',
    'localhost',
    '169.254.169.254',
  ]) {
    const set = setPictureFromUrl(own.platform, own.scope, mailboxId, `http://${host}:${port}/red.png`)
    assert.match(await refusalOf(set), /network that is not connected to/, host)
  }
  assert.deepEqual(pictures.paths, [])
})

test('pictures of new mailboxes are fetched when their transaction has committed', async () => {
  const [good, bad] = [await t.createMailbox(), await t.createMailbox()]
  pictures.paths.length = 0
  await transaction(t.platform.db, (tx) =>
    addPicturesFromUrls(tx, t.scope, [
      { mailboxId: good.mailboxId, url: `${pictures.url}/red.png` },
      { mailboxId: bad.mailboxId, url: `${pictures.url}/text` },
    ]),
  )
  assert.deepEqual(pictures.paths, [])
  await runJobs(t.platform)
  assert.ok(await isRed(t, good.mailboxId))
  assert.match(await refusalOf(getPicture(t.platform, t.scope, bad.mailboxId)), /^picture_not_found/)
  assert.deepEqual(pictures.paths.toSorted(), ['/red.png', '/text'])
  await assert.rejects(
    transaction(t.platform.db, (tx) =>
      addPicturesFromUrls(tx, t.scope, [{ mailboxId: good.mailboxId, url: 'nothing' }]),
    ),
    { code: 'picture_invalid' },
  )
})

test('what does not answer is tried again, some times', async () => {
  const { mailboxId } = await t.createMailbox()
  const url = `${pictures.url}/failing`
  const runAll = async (): Promise<number> => {
    let tries = 0
    for (; tries < 10; tries++) {
      await runJobs(t.platform)
      const { rows } = await sql<{ id: string }>`
        update graphile_worker._private_jobs set run_at = now() where run_at > now() returning id`.execute(
        t.platform.db,
      )
      if (rows.length === 0) return tries
    }
    return tries
  }
  const add = (): Promise<void> =>
    transaction(t.platform.db, (tx) => addPicturesFromUrls(tx, t.scope, [{ mailboxId, url }]))
  pictures.failing.left = 100
  pictures.paths.length = 0
  await add()
  await runAll()
  assert.equal(pictures.paths.length, 4)
  assert.match(await refusalOf(getPicture(t.platform, t.scope, mailboxId)), /^picture_not_found/)
  pictures.failing.left = 2
  await add()
  await runAll()
  assert.ok(await isRed(t, mailboxId))
})
